package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

type process struct {
	name string
	pid  int
}

func parsePids(text string) ([]process, error) {
	watched := []process{{"loadgen", os.Getpid()}}
	if text == "" {
		return watched, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(pair, "=")
		pid, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("-pids: %q is not name=pid", pair)
		}
		watched = append(watched, process{name, pid})
	}
	return watched, nil
}

// cpuSeconds reads user and system time of all threads, to the nanosecond: the ticks of
// /proc/PID/stat are too coarse for a Redis that uses a few per cent of a core.
func cpuSeconds(watched []process) (map[string]float64, error) {
	out := map[string]float64{}
	for _, p := range watched {
		const wholeProcess = 2 // CPUCLOCK_SCHED: clock_getcpuclockid(3) makes the same number
		clock := ^p.pid<<3 | wholeProcess
		var t syscall.Timespec
		_, _, errno := syscall.Syscall(
			syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0)
		if errno != 0 {
			return nil, fmt.Errorf("no CPU time of %s (pid %d): %w", p.name, p.pid, errno)
		}
		out[p.name] = float64(t.Nano()) / 1e9
	}
	return out, nil
}

func residentBytes(watched []process) map[string]int64 {
	out := map[string]int64{}
	for _, p := range watched {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			out[p.name] = pages * int64(os.Getpagesize())
		}
	}
	return out
}
