package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// AllArmed gives the commands of which a timer waits, or is due and not done. For
// more than the hundred thousand that NATS tells at once it may miss some that come
// and go meanwhile: each page is asked for once. The library's own call goes on until
// it has as many as there are, which it never has while timers are set.
func (b *Bus) AllArmed(ctx context.Context) (map[string]struct{}, error) {
	armed := map[string]struct{}{}
	for offset, total := 0, 1; offset < total; {
		page, err := b.timerPage(ctx, offset)
		if err != nil {
			return nil, fmt.Errorf("list the timers: %w", err)
		}
		for subject := range page.State.Subjects {
			armed[strings.Clone(subject[strings.LastIndexByte(subject, '.')+1:])] = struct{}{} // not the whole subject
		}
		if page.Limit == 0 { // none are there
			break
		}
		offset, total = offset+page.Limit, page.Total
	}
	return armed, nil
}

// timerPage is a page of the subjects in the timer stream, as STREAM.INFO answers it.
type timerPage struct {
	Total int `json:"total"`
	Limit int `json:"limit"`
	State struct {
		Subjects map[string]uint64 `json:"subjects"`
	} `json:"state"`
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
}

func (b *Bus) timerPage(ctx context.Context, offset int) (page timerPage, err error) {
	api := apiPrefix + "STREAM.INFO." + b.subjects.TimerStream()
	ctx, cancel := b.permitted(ctx, api)
	defer cancel()
	request, err := json.Marshal(map[string]any{"subjects_filter": b.subjects.Timers(), "offset": offset})
	if err != nil {
		return page, err
	}
	reply, err := b.nc.RequestWithContext(ctx, api, request)
	if err != nil {
		return page, why(ctx, err)
	}
	if err := json.Unmarshal(reply.Data, &page); err != nil {
		return page, err
	}
	if page.Error != nil {
		return page, errors.New(page.Error.Description)
	}
	return page, nil
}
