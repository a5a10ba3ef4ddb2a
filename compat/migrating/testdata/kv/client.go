package main

// This file is what asks members for something: puts, reads, how they are.

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/rpc"
	"os"
	"slices"
	"strconv"
	"time"
)

// Pair is a key and its value.
type Pair struct{ Key, Value string }

// Status is how a member is.
type Status struct {
	ID, Term, Lead, Commit, Applied uint64
	Match                           map[uint64]uint64 // on the leader alone, of those it replicates to without doubts
}

const acknowledgedFile = "acknowledged"

// ask calls a method of a member.
func ask(id uint64, method string, args, reply any) error {
	client, err := rpc.Dial("unix", socket(id))
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Call("Member."+method, args, reply)
}

// try asks one member after another, until one does it.
func try(method string, args, reply any) error {
	deadline := time.Now().Add(time.Minute)
	for i := 0; ; i++ {
		err := ask(everyone[i%len(everyone)], method, args, reply)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wait returns when the checks hold that are to hold before the next step.
func wait() error {
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		before, err := statuses()
		if err != nil {
			last = err
			continue
		}
		time.Sleep(200 * time.Millisecond)
		after, err := statuses()
		if err != nil {
			last = err
			continue
		}
		if last = healthy(before, after); last == nil {
			return nil
		}
	}
	return fmt.Errorf("not healthy: %w", last)
}

func statuses() ([]Status, error) {
	all := make([]Status, len(everyone))
	for i, id := range everyone {
		if err := ask(id, "Status", struct{}{}, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// healthy compares how the members were with how they are.
func healthy(before, after []Status) error {
	const close = 200
	leader := after[0].Lead
	for i, now := range after {
		switch {
		case leader == 0 || now.Lead != leader || now.Term != after[0].Term:
			return fmt.Errorf("there is not one leader that everybody knows: %+v", after)
		case now.Applied < now.Commit && now.Applied <= before[i].Applied:
			return fmt.Errorf("member %d applies nothing", now.ID)
		}
	}
	led := after[slices.Index(everyone, leader)]
	for _, id := range everyone {
		if led.Match[id] == 0 || led.Match[id]+close < led.Commit {
			return fmt.Errorf("member %d is behind: it has %d of %d", id, led.Match[id], led.Commit)
		}
	}
	return nil
}

// load writes until it is told to stop. It goes from member to member, and notes how many puts were acknowledged.
func load() error {
	stop := stopSignal()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return os.WriteFile(acknowledgedFile, []byte(strconv.Itoa(n)), 0o600)
		default:
		}
		pair := Pair{Key: fmt.Sprintf("n/%d", n), Value: strconv.Itoa(n)}
		if ask(everyone[n%len(everyone)], "Put", pair, &struct{}{}) == nil {
			continue
		}
		if err := try("Put", pair, &struct{}{}); err != nil {
			return fmt.Errorf("put %d: %w", n, err)
		}
	}
}

// transfer asks for another leader, if it is id that leads.
func transfer(id uint64) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var now Status
		if err := ask(id, "Status", struct{}{}, &now); err != nil {
			return err
		}
		if now.Lead != 0 && now.Lead != id {
			return nil
		}
		to := everyone[(slices.Index(everyone, id)+1)%len(everyone)]
		if err := ask(id, "Transfer", to, &struct{}{}); err != nil {
			return err
		}
	}
	return fmt.Errorf("member %d still leads", id)
}

// get reads everything at a member. Where elections go on, the first answer may be that there is none.
func get(id uint64) (state map[string]string, err error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err = ask(id, "Get", struct{}{}, &state)
		if err == nil || time.Now().After(deadline) {
			return state, err
		}
	}
}

// check reads at every member: all that was acknowledged is there, and what the named file holds, if there is a name; and
// everybody has the same.
func check(name string) error {
	expected, err := readExpected(name)
	if err != nil {
		return err
	}
	var first map[string]string
	for _, id := range everyone {
		state, err := get(id)
		if err != nil {
			return err
		}
		for key, value := range expected {
			if state[key] != value {
				return fmt.Errorf("%q is %q, and member %d reads %q", key, value, id, state[key])
			}
		}
		if first == nil {
			first = state
		}
		if !maps.Equal(first, state) {
			return fmt.Errorf("members %d and %d read different things", everyone[0], id)
		}
	}
	fmt.Println("every member reads the same, with all", len(expected), "pairs that have to be there")
	return nil
}

// readExpected returns what every member has to have.
func readExpected(name string) (map[string]string, error) {
	expected := map[string]string{}
	if name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &expected); err != nil {
			return nil, err
		}
	}
	noted, err := os.ReadFile(acknowledgedFile)
	if os.IsNotExist(err) {
		return expected, nil
	}
	if err != nil {
		return nil, err
	}
	puts, err := strconv.Atoi(string(noted))
	for n := range puts {
		expected[fmt.Sprintf("n/%d", n)] = strconv.Itoa(n)
	}
	return expected, err
}

// demo runs everything in this process, in a directory of its own.
func demo() error {
	dir, err := os.MkdirTemp(".", "demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chdir(dir); err != nil {
		return err
	}
	defer os.Chdir("..")
	members := map[uint64]*member{}
	for _, id := range everyone {
		if members[id], err = startMember(id); err != nil {
			return err
		}
	}
	for n := range 300 {
		if err := try("Put", Pair{Key: fmt.Sprintf("key %d", n%7), Value: strconv.Itoa(n)}, &struct{}{}); err != nil {
			return err
		}
		if n != 150 { // one of them is started again half way
			continue
		}
		if err := members[2].stop(); err != nil {
			return err
		}
		if members[2], err = startMember(2); err != nil {
			return err
		}
	}
	if err := wait(); err != nil {
		return err
	}
	for _, id := range everyone {
		state, err := get(id)
		if err != nil {
			return err
		}
		fmt.Println(id, state)
	}
	for _, m := range members {
		if err := m.stop(); err != nil {
			return err
		}
	}
	return nil
}
