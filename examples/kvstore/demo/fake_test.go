package demo_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/demo"
	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// The tests run this test binary again as what the demo starts, or as the demo itself, as these variables say.
const (
	fakeMember = "KVSTORE_FAKE_MEMBER"
	fakeDemo   = "KVSTORE_FAKE_DEMO"
	// fakeAccount is what a member answers when it is asked for the cluster.
	fakeAccount = "KVSTORE_FAKE_ACCOUNT"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(fakeDemo) != "":
		config := demo.Config{Members: 3, Dir: os.Getenv(fakeDemo), Env: []string{fakeMember + "=serve", fakeDemo + "=", fakeAccount + `={"leader":1}`}, Out: os.Stdout}
		if err := demo.Run(context.Background(), config); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case os.Getenv(fakeMember) == "die":
		fmt.Println("the disk is on fire")
		os.Exit(3)
	case os.Getenv(fakeMember) != "":
		if err := serveFake(os.Args[2:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// A fake is a member without raft: all members share one directory, and member 1 is always the leader.
type fake struct {
	id, listen, peers, data, proxy string
	cluster, demo                  string
	join                           bool
}

func serveFake(args []string) error {
	var f fake
	flags := flag.NewFlagSet("fake", flag.ContinueOnError)
	flags.StringVar(&f.id, "id", "", "")
	flags.StringVar(&f.listen, "listen", "", "")
	flags.StringVar(&f.peers, "peers", "", "")
	flags.StringVar(&f.data, "data", "", "")
	flags.StringVar(&f.cluster, "cluster", "", "")
	flags.StringVar(&f.proxy, "peer-proxy", "", "")
	flags.StringVar(&f.demo, "demo", "", "")
	flags.BoolVar(&f.join, "join", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Printf("member %s of %s serves, peers %s, demo %s, join %t\n", f.id, f.cluster, f.peers, f.demo, f.join)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cluster", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv(fakeAccount)) })
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("PUT /kv/{key}", f.put)
	mux.HandleFunc("GET /kv/{key}", f.get)
	mux.HandleFunc("POST /cluster/members", f.add)
	mux.HandleFunc("GET /reach", f.reach)
	return http.ListenAndServe(f.listen, mux)
}

func (f *fake) shared(name string) string {
	return filepath.Join(filepath.Dir(f.data), "shared-"+filepath.Base(name))
}

func (f *fake) put(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	// The write is atomic, as the members share the file.
	draft := f.shared("draft-" + f.id)
	if os.WriteFile(draft, body, 0o644) != nil || os.Rename(draft, f.shared(r.PathValue("key"))) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (f *fake) get(w http.ResponseWriter, r *http.Request) {
	body, err := os.ReadFile(f.shared(r.PathValue("key")))
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(body)
}

// add takes member 4, and refuses others as a cluster refuses what does not fit.
func (f *fake) add(w http.ResponseWriter, r *http.Request) {
	var member struct {
		ID  int    `json:"id"`
		URL string `json:"url"`
	}
	if json.NewDecoder(r.Body).Decode(&member) != nil || member.ID != 4 || member.URL == "" {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// reach asks another member through the proxy, as a member does.
func (f *fake) reach(w http.ResponseWriter, r *http.Request) {
	dial, err := proxy.Dialer(f.proxy)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 2 * time.Second}
	resp, err := client.Get(r.URL.Query().Get("url") + "/cluster")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	resp.Body.Close()
}
