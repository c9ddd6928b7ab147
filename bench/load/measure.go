package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const hz = 100.0

func procCPU(p int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	u, _ := strconv.ParseFloat(f[11], 64)
	s, _ := strconv.ParseFloat(f[12], 64)
	return (u + s) / hz
}
func namedCPU(name string) (t float64) {
	l, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, f := range l {
		if b, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(b)) == name {
			p, _ := strconv.Atoi(strings.Split(f, "/")[2])
			t += procCPU(p)
		}
	}
	return
}
func machineCPU() (busy float64) {
	b, _ := os.ReadFile("/proc/stat")
	f := strings.Fields(strings.SplitN(string(b), "\n", 2)[0])
	for i, x := range f[1:] {
		v, _ := strconv.ParseFloat(x, 64)
		if i != 3 && i != 4 && i < 8 {
			busy += v / hz
		}
	}
	return
}
func selfCPU() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}
func rssMB(p int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "VmRSS:") {
			v, _ := strconv.ParseFloat(strings.Fields(l)[1], 64)
			return v / 1024
		}
	}
	return 0
}

type result struct {
	Label       string  `json:"label,omitempty"`
	Scenario    string  `json:"scenario"`
	C           int     `json:"concurrency"`
	Run         int     `json:"run"`
	Seconds     float64 `json:"seconds"`
	OK          int     `json:"ok"`
	Errors      int     `json:"errors"`
	FirstError  string  `json:"first_error,omitempty"`
	RPS         float64 `json:"rps"`
	P50         float64 `json:"p50_ms"`
	P90         float64 `json:"p90_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	ServerCPU   float64 `json:"server_cpu_ms_per_op"`
	DBCPU       float64 `json:"db_cpu_ms_per_op"`
	LoadCPU     float64 `json:"load_cpu_ms_per_op"`
	OtherShare  float64 `json:"other_cpu_share"` // share of the machine's CPU time in this run that went to none of the three
	ServerRSSMB float64 `json:"server_rss_mb"`
}

func r3(x float64) float64 { return float64(int64(x*1000+0.5)) / 1000 }
func one(name string, c, run int) result {
	h := client(c)
	mk := scenario(name, h)
	us := make([]unit, c)
	for i := range us {
		us[i] = mk(i)
	}
	var stop, rec atomic.Bool
	lat := make([][]float64, c)
	var errs atomic.Int64
	var first atomic.Value
	var wg sync.WaitGroup
	for i := range us {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for !stop.Load() {
				on := rec.Load()
				t := time.Now()
				e := us[i]()
				d := time.Since(t)
				if stop.Load() || !on {
					if e != nil {
						first.CompareAndSwap(nil, e.Error())
					}
					continue
				}
				if e != nil {
					errs.Add(1)
					first.CompareAndSwap(nil, e.Error())
					time.Sleep(10 * time.Millisecond)
					continue
				}
				lat[i] = append(lat[i], d.Seconds()*1000)
			}
		}(i)
	}
	time.Sleep(*warm)
	s0, d0, l0, m0 := procCPU(*pid), namedCPU(*dbName), selfCPU(), machineCPU()
	t0 := time.Now()
	rec.Store(true)
	time.Sleep(*dur)
	stop.Store(true)
	el := time.Since(t0).Seconds()
	s1, d1, l1, m1 := procCPU(*pid), namedCPU(*dbName), selfCPU(), machineCPU()
	wg.Wait()
	var all []float64
	for _, l := range lat {
		all = append(all, l...)
	}
	sort.Float64s(all)
	r := result{Label: *label, Scenario: name, C: c, Run: run, Seconds: r3(el), OK: len(all), Errors: int(errs.Load())}
	if e := first.Load(); e != nil {
		r.FirstError = e.(string)
	}
	if n := len(all); n > 0 {
		q := func(p float64) float64 { return r3(all[int(p*float64(n-1))]) }
		f := float64(n)
		r.RPS, r.P50, r.P90, r.P99, r.Max = r3(f/el), q(.5), q(.9), q(.99), q(1)
		r.ServerCPU, r.DBCPU, r.LoadCPU = r3((s1-s0)*1000/f), r3((d1-d0)*1000/f), r3((l1-l0)*1000/f)
	}
	if m := m1 - m0; m > 0 {
		r.OtherShare = r3(1 - ((s1-s0)+(d1-d0)+(l1-l0))/m)
	}
	r.ServerRSSMB = r3(rssMB(*pid))
	h.CloseIdleConnections()
	return r
}

// quiet waits until a two-second look finds the machine at most 15 % busy, or the time is up.
func quiet(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		t, m := time.Now(), machineCPU()
		time.Sleep(2 * time.Second)
		if (machineCPU()-m)/(time.Since(t).Seconds()*float64(runtime.NumCPU())) <= 0.15 {
			return
		}
	}
}
