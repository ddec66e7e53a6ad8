package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	maxOne   = 1 << 20
	maxBatch = 32 << 20
)

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /metrics", s.one)
	mux.HandleFunc("POST /metrics/batch", s.batch)
	mux.HandleFunc("POST /write", s.influx)
	mux.HandleFunc("GET /stats", s.stats)
	return mux
}

func (s *service) one(w http.ResponseWriter, r *http.Request) {
	var m metric
	body := io.LimitReader(r.Body, maxOne)
	if err := json.NewDecoder(body).Decode(&m); err != nil || m.DeviceID == "" {
		http.Error(w, "bad metric", http.StatusBadRequest)
		return
	}
	answer(w, s.submit([]metric{m}), http.StatusOK)
}

func (s *service) batch(w http.ResponseWriter, r *http.Request) {
	var ms []metric
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBatch)).Decode(&ms); err != nil {
		http.Error(w, "bad batch", http.StatusBadRequest)
		return
	}
	answer(w, s.submit(ms), http.StatusOK)
}

func (s *service) influx(w http.ResponseWriter, r *http.Request) {
	var ms []metric
	lines := bufio.NewScanner(io.LimitReader(r.Body, maxBatch))
	lines.Buffer(make([]byte, 64<<10), maxOne)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
		if first < 0 || last <= first {
			continue
		}
		ns, _ := strconv.ParseInt(string(line[last+1:]), 10, 64)
		head := string(line[:first])
		for field := range strings.SplitSeq(string(line[first+1:last]), ",") {
			name, text, found := strings.Cut(field, "=")
			value, err := strconv.ParseFloat(text, 64)
			if found && err == nil {
				ms = append(ms, metric{head, name, ns / 1e6, value})
			}
		}
	}
	answer(w, s.submit(ms), http.StatusNoContent)
}

func (s *service) stats(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"scored":%d,"duplicate":%d,"anomalies":%d,"errors":%d,"rejected":%d}`+"\n",
		s.scored.Load(), s.duplicate.Load(), s.anomalies.Load(), s.errors.Load(), s.rejected.Load())
}

// submit hands samples to the workers and waits until all are done; it tells whether all went well.
func (s *service) submit(ms []metric) bool {
	var done sync.WaitGroup
	var failed atomic.Bool
	done.Add(len(ms))
	for i := range ms {
		it := item{ms[i], &done, &failed}
		if len(ms) > 1 {
			s.samples <- it // a batch waits for room: back-pressure on its connection
			continue
		}
		select {
		case s.samples <- it:
		default:
			s.rejected.Add(1)
			return false
		}
	}
	done.Wait()
	return !failed.Load()
}

func answer(w http.ResponseWriter, well bool, code int) {
	if !well {
		w.Header().Set("Retry-After", "1")
		code = http.StatusServiceUnavailable
	}
	w.WriteHeader(code)
}
