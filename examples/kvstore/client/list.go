package client

// Lists of keys: one page, or all of them through an iterator that asks for page after page.

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// ListOptions says which keys to list. The zero value lists all.
type ListOptions struct {
	Prefix string // only keys that begin with it
	After  string // only keys behind it, in the order of bytes
	// Limit bounds the items of one page; 0 leaves it to the member, which gives 100. At most 10000.
	Limit       int
	KeysOnly    bool // leave the values out
	Consistency Consistency
}

// Item is a key with its value.
type Item struct {
	Key     string
	Value   []byte // nil with KeysOnly
	Rev     uint64 // of the last write
	Created uint64 // revision of the write that created it
	Version uint64 // how often it was written since
}

// Page is a part of a list.
type Page struct {
	Rev   uint64 // the revision of the store at which the page was read
	Items []Item
	More  bool   // other keys follow
	Next  string // the After that gives them
}

// wireItem is an item in JSON.
type wireItem struct {
	Key     string `json:"key"`
	Key64   []byte `json:"key64"`
	Value   string `json:"value"`
	Base64  bool   `json:"base64"`
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

// List reads one page. Keys that are written while a list is read page by page may be seen or not; each page is
// consistent in itself.
func (c *Client) List(ctx context.Context, options ListOptions) (Page, error) {
	answer, err := c.do(ctx, &request{method: http.MethodGet, path: "/kv" + options.query()})
	if err != nil {
		return Page{}, err
	}
	var wire struct {
		Rev    uint64     `json:"rev"`
		Items  []wireItem `json:"items"`
		More   bool       `json:"more"`
		Next   string     `json:"next"`
		Next64 []byte     `json:"next64"`
	}
	if err := decode(answer, &wire); err != nil {
		return Page{}, err
	}
	page := Page{Rev: wire.Rev, More: wire.More, Next: keyOf(wire.Next, wire.Next64)}
	for _, item := range wire.Items {
		value, err := valueOf(item.Value, item.Base64)
		if err != nil {
			return Page{}, fmt.Errorf("%s listed the key %q: %w", answer.endpoint, item.Key, err)
		}
		if options.KeysOnly {
			value = nil
		}
		page.Items = append(page.Items, Item{
			Key: keyOf(item.Key, item.Key64), Value: value, Rev: item.Rev, Created: item.Created, Version: item.Version,
		})
	}
	if len(page.Items) > 0 { // exact even if the key is not UTF-8
		page.Next = page.Items[len(page.Items)-1].Key
	}
	return page, nil
}

// All iterates over all keys that the options select, in their order, reading them page by page. An error ends it.
func (c *Client) All(ctx context.Context, options ListOptions) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for {
			page, err := c.List(ctx, options)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			if page.Next <= options.After {
				yield(Item{}, fmt.Errorf("the list does not get beyond the key %q: is the member of another version?", options.After))
				return
			}
			options.After = page.Next
		}
	}
}

func (o ListOptions) query() string {
	query := url.Values{}
	if o.Prefix != "" {
		query.Set("prefix", o.Prefix)
	}
	if o.After != "" {
		query.Set("after", o.After)
	}
	if o.Limit != 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.KeysOnly {
		query.Set("keys_only", "true")
	}
	if o.Consistency != "" {
		query.Set("consistency", string(o.Consistency))
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}
