// The text form of a list of membership changes (thesis §4.1), for scripts, tools and logs: "v1 l2 r3 u4" adds voter
// 1, adds learner 2, removes 3 and updates 4.

package raftpb

import (
	"fmt"
	"strconv"
	"strings"
)

// ConfChangesFromString reads a list of membership changes. Each is a letter and a member's ID in decimal: v adds a
// voter, l adds a learner, r removes a member, u updates one. One space stands between two of them; white space around
// the whole is ignored, and a text of nothing else is the empty list, which is nil.
//
// The error names the first token that is not such a change; it matches strconv.ErrSyntax or strconv.ErrRange if the
// fault lies in the ID.
func ConfChangesFromString(s string) ([]ConfChangeSingle, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	tokens := strings.Split(s, " ")
	ccs := make([]ConfChangeSingle, 0, len(tokens))
	for _, token := range tokens {
		cc, err := confChangeFromToken(token)
		if err != nil {
			return nil, err
		}
		ccs = append(ccs, cc)
	}
	return ccs, nil
}

// ConfChangesToString writes a list of membership changes in the form that ConfChangesFromString reads. A change of a
// type without a letter is written as "?<type>:<ID>", which ConfChangesFromString refuses.
func ConfChangesToString(ccs []ConfChangeSingle) string {
	var out []byte
	for i, cc := range ccs {
		if i > 0 {
			out = append(out, ' ')
		}
		if letter, ok := letterOfType(cc.Type); ok {
			out = append(out, letter)
		} else {
			out = fmt.Appendf(out, "?%d:", int32(cc.Type))
		}
		out = strconv.AppendUint(out, cc.NodeID, 10)
	}
	return string(out)
}

func confChangeFromToken(token string) (ConfChangeSingle, error) {
	if token == "" {
		return ConfChangeSingle{}, fmt.Errorf(
			"membership change %q is empty, separate changes by exactly one space", token)
	}
	typ, ok := typeOfLetter(token[0])
	if !ok {
		return ConfChangeSingle{}, fmt.Errorf(
			"membership change %q has an unknown operation, want v, l, r or u followed by an ID", token)
	}
	id, err := strconv.ParseUint(token[1:], 10, 64)
	if err != nil {
		return ConfChangeSingle{}, fmt.Errorf(
			"membership change %q has no valid ID, want an unsigned 64-bit decimal: %w", token, err)
	}
	return ConfChangeSingle{Type: typ, NodeID: id}, nil
}

func typeOfLetter(letter byte) (ConfChangeType, bool) {
	switch letter {
	case 'v':
		return ConfChangeAddNode, true
	case 'l':
		return ConfChangeAddLearnerNode, true
	case 'r':
		return ConfChangeRemoveNode, true
	case 'u':
		return ConfChangeUpdateNode, true
	default:
		return 0, false
	}
}

func letterOfType(typ ConfChangeType) (byte, bool) {
	switch typ {
	case ConfChangeAddNode:
		return 'v', true
	case ConfChangeAddLearnerNode:
		return 'l', true
	case ConfChangeRemoveNode:
		return 'r', true
	case ConfChangeUpdateNode:
		return 'u', true
	default:
		return 0, false
	}
}
