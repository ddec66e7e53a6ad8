package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// sender is one client: its series, and a connection to each target it has sent to.
type sender struct {
	o       *options
	number  int
	body    *body
	head    []byte
	request []byte
	wires   []*wire

	requests, samples int64
	codes             map[string]int64
	latencies         []float64 // milliseconds
}

type wire struct {
	net.Conn
	answers *bufio.Reader
}

func newSender(o *options, number int) *sender {
	head := "POST " + o.path + " HTTP/1.1\r\nHost: bench\r\nUser-Agent: loadgen\r\nAccept: */*\r\n" +
		"Content-Type: " + contentType[o.format] + "\r\n"
	if o.format == "prw" {
		head += "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
	}
	head += "Content-Length: "
	return &sender{
		o: o, number: number, body: newBody(o, number), head: []byte(head),
		wires: make([]*wire, len(o.targets)),
	}
}

// forget starts the counts of a new phase.
func (s *sender) forget() {
	s.requests, s.samples, s.latencies = 0, 0, nil
	s.codes = map[string]int64{}
}

// openLoop sends at this sender's share of the rate. A slow answer does not put off the schedule:
// the next request is then late, and its latency counts from when it was due.
func (s *sender) openLoop(start, end time.Time) error {
	interval := time.Duration(float64(s.o.connections) / s.o.rate * float64(time.Second))
	due := start.Add(time.Duration(s.number) * interval / time.Duration(s.o.connections))
	for ; due.Before(end); due = due.Add(interval) {
		time.Sleep(time.Until(due))
		if err := s.send(due); err != nil {
			return err
		}
	}
	return nil
}

// send makes one request and waits for its answer; since is what its latency counts from.
func (s *sender) send(since time.Time) error {
	target := s.target()
	content, samples := s.body.next(!s.warm())
	s.request = append(s.request[:0], s.head...)
	s.request = strconv.AppendInt(s.request, int64(len(content)), 10)
	s.request = append(s.request, "\r\n\r\n"...)
	s.request = append(s.request, content...)
	w, err := s.wire(target)
	if err != nil {
		return err
	}
	if _, err := w.Write(s.request); err != nil {
		return err
	}
	code, err := readAnswer(w.answers)
	if err != nil {
		return fmt.Errorf("connection %d to %s: %w", s.number, w.RemoteAddr(), err)
	}
	s.latencies = append(s.latencies, float64(time.Since(since).Microseconds())/1000)
	s.requests++
	s.codes[code]++
	if code[0] == '2' {
		s.samples += int64(samples)
	}
	return nil
}

// warm tells whether every target that may get a series has had it.
func (s *sender) warm() bool {
	if s.o.pinned {
		return s.body.turns > 0
	}
	return s.body.turns >= len(s.wires)
}

// target says where the next request goes.
func (s *sender) target() int {
	switch {
	case s.o.pinned:
		return s.number % len(s.wires)
	case !s.warm():
		// Each target once for every series, whatever chance would do.
		return (s.number + s.body.turns) % len(s.wires)
	default:
		// Not in turn: with an even number of series each would always meet the same target.
		return rand.IntN(len(s.wires))
	}
}

func (s *sender) wire(target int) (*wire, error) {
	if s.wires[target] == nil {
		conn, err := net.Dial("tcp", s.o.targets[target])
		if err != nil {
			return nil, err
		}
		s.wires[target] = &wire{conn, bufio.NewReaderSize(conn, 16<<10)}
	}
	return s.wires[target], nil
}

// readAnswer reads one HTTP/1.1 answer with Content-Length and returns its code.
func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(line) < 12 {
		return "", fmt.Errorf("no status line: %q", line)
	}
	code := string(line[9:12])
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch strings.ToLower(name) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			return "", errors.New("an answer without Content-Length cannot be read here")
		}
	}
	_, err = r.Discard(length)
	return code, err
}
