package authority

// shelf keeps the newest max values by their key; the oldest is forgotten first. It is guarded by the authority's lock.
type shelf[V any] struct {
	max   int
	byKey map[string]V
	order []string
}

func newShelf[V any](most int) shelf[V] { return shelf[V]{max: most, byKey: map[string]V{}} }

// put keeps v under a key that was never used.
func (s *shelf[V]) put(key string, v V) {
	s.byKey[key] = v
	s.order = append(s.order, key)
	for len(s.order) > s.max {
		delete(s.byKey, s.order[0])
		s.order[0] = "" // or the array behind the slice would keep it
		s.order = s.order[1:]
	}
}

func (s *shelf[V]) get(key string) (V, bool) {
	v, ok := s.byKey[key]
	return v, ok
}

// all gives the values, the oldest first.
func (s *shelf[V]) all() []V {
	list := make([]V, len(s.order))
	for i, key := range s.order {
		list[i] = s.byKey[key]
	}
	return list
}
