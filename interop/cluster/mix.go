package cluster

import "fmt"

// Mix says which implementations the members of a group run.
type Mix struct {
	// Name is a word for it.
	Name string
	// First are what the first members run, in an order that the seed rotates. Members that are added later run what
	// follows in it, over and over.
	First []Implementation
	// Rolls are upgrades of the whole group, member by member: after the first, every member runs Rolls[0], and so on.
	Rolls []Implementation
}

// Mixes are all that are tried.
func Mixes() []Mix {
	group := func(counts ...any) (members []Implementation) {
		for i := 0; i < len(counts); i += 2 {
			for range counts[i].(int) {
				members = append(members, counts[i+1].(Implementation))
			}
		}
		return members
	}
	return []Mix{
		{Name: "3-ours", First: group(3, Ours)},
		{Name: "2-ours-1-etcd36", First: group(2, Ours, 1, Etcd36)},
		{Name: "1-ours-2-etcd36", First: group(1, Ours, 2, Etcd36)},
		{Name: "2-ours-1-etcd37", First: group(2, Ours, 1, Etcd37)},
		{Name: "1-ours-2-etcd37", First: group(1, Ours, 2, Etcd37)},
		{Name: "one-of-each", First: group(1, Ours, 1, Etcd36, 1, Etcd37)},
		{Name: "3-ours-2-etcd36", First: group(3, Ours, 2, Etcd36)},
		{Name: "2-ours-3-etcd36", First: group(2, Ours, 3, Etcd36)},
		{Name: "3-ours-2-etcd37", First: group(3, Ours, 2, Etcd37)},
		{Name: "2-ours-3-etcd37", First: group(2, Ours, 3, Etcd37)},
		{Name: "1-ours-2-etcd36-2-etcd37", First: group(1, Ours, 2, Etcd36, 2, Etcd37)},
		{Name: "roll-etcd36", First: group(3, Etcd36), Rolls: []Implementation{Ours, Etcd36, Ours}},
		{Name: "roll-etcd37", First: group(3, Etcd37), Rolls: []Implementation{Ours, Etcd37, Ours}},
		{Name: "roll-5-etcd36", First: group(5, Etcd36), Rolls: []Implementation{Ours, Etcd36}},
		{Name: "roll-etcd36-ours-etcd37", First: group(3, Etcd36), Rolls: []Implementation{Ours, Etcd37, Ours, Etcd36}},
	}
}

// Peers are groups without this library: what they do, they do among themselves.
func Peers() []Mix {
	return []Mix{
		{Name: "3-etcd36", First: []Implementation{Etcd36, Etcd36, Etcd36}},
		{Name: "3-etcd37", First: []Implementation{Etcd37, Etcd37, Etcd37}},
		{Name: "5-etcd36", First: []Implementation{Etcd36, Etcd36, Etcd36, Etcd36, Etcd36}},
	}
}

// MixOf returns the mix with the name.
func MixOf(name string) (Mix, error) {
	for _, m := range append(Mixes(), Peers()...) {
		if m.Name == name {
			return m, nil
		}
	}
	return Mix{}, fmt.Errorf("no mix %q: -list shows them all", name)
}

// runs returns what a member runs after so many upgrades.
func (m *Mix) runs(seed, id uint64, upgrades int) Implementation {
	if n := min(upgrades, len(m.Rolls)); n > 0 {
		return m.Rolls[n-1]
	}
	return m.First[(id+seed)%uint64(len(m.First))]
}

// maxMembers is the highest ID that a member may come to have.
const maxMembers = 9

// upgrades lists the members in the order of their upgrades: in each roll all that there are, and all that there may be.
func (m *Mix) upgrades(seed uint64) (order []uint64) {
	for range m.Rolls {
		for i := range uint64(maxMembers) {
			order = append(order, 1+(i+seed)%maxMembers)
		}
	}
	return order
}

func (m *Mix) onlyOurs() bool {
	for _, im := range append(append([]Implementation(nil), m.First...), m.Rolls...) {
		if im.ID != Ours.ID {
			return false
		}
	}
	return true
}
