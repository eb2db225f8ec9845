package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxFile is how long a policy file may be, in bytes.
const MaxFile = 1 << 20

// Parse reads a policy file: YAML, of which JSON is a part. It is strict, since a
// misspelt member would allow what it was to forbid: what is unknown, repeated,
// empty or of another type is refused. All faults are reported together, each with
// its line. An empty file is refused too: it may be one that is just being written.
func Parse(data []byte) (Settings, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("is longer than %d bytes", MaxFile)
	}
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	settings := Settings{}
	var faults []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		m := Member(key.Value)
		if _, twice := settings[m]; twice {
			faults = append(faults, fmt.Errorf("line %d: %s is given twice", key.Line, m))
			continue
		}
		if !slices.Contains(Members(), m) {
			faults = append(faults, fmt.Errorf("line %d: %q is no setting; the settings are %s", key.Line, key.Value, memberWords()))
			continue
		}
		words, wrong := wordsOf(m, value)
		faults = append(faults, wrong...)
		settings[m] = Setting{words, "the policy file"}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return settings, nil
}

// document gives the one object of a YAML text.
func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("is empty; write {} to leave everything to the environment")
	case err != nil:
		return nil, fmt.Errorf("is neither YAML nor JSON: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one document")
	}
	root := first.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: is not an object of settings; they are %s", root.Line, memberWords())
	}
	return root, nil
}

// wordsOf reads the value of a member.
func wordsOf(m Member, value *yaml.Node) (words []string, faults []error) {
	nodes := value.Content
	switch {
	case m.rate() && value.Kind == yaml.ScalarNode:
		nodes = []*yaml.Node{value}
	case m.rate():
		return nil, []error{fmt.Errorf("line %d: %s: is not a rate such as 10/s", value.Line, m)}
	case value.Kind != yaml.SequenceNode:
		return nil, []error{fmt.Errorf("line %d: %s: is not a list; give one, [] to allow none, or leave the member out", value.Line, m)}
	}
	words = make([]string, 0, len(nodes))
	for _, node := range nodes {
		if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!str" {
			faults = append(faults, fmt.Errorf("line %d: %s: is not a text; put it in quotes", node.Line, m))
			continue
		}
		if err := checkWord(m, node.Value); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %s: %w", node.Line, m, err))
		}
		words = append(words, node.Value)
	}
	return words, faults
}

func memberWords() string {
	words := make([]string, 0, len(Members()))
	for _, m := range Members() {
		words = append(words, string(m))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
