// SPDX-License-Identifier: ISC
// The rules of a file through GoBGP's packet library: prints "WORK NANOSECONDS" a rule, the best of
// some rounds.
//
// usage: flow_gobgp FILE, with "FAMILY HEX" of each rule on standard input
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/osrg/gobgp/pkg/packet/bgp"
)

const rounds, passes = 300, 20

type rule struct {
	family bgp.RouteFamily
	octets []byte
	text   string
	nlri   bgp.AddrPrefixInterface
	flow   *bgp.FlowSpecNLRI
	again  *bgp.FlowSpecNLRI
}

func family(word string) bgp.RouteFamily {
	if word == "ipv6" {
		return bgp.RF_FS_IPv6_UC
	}
	return bgp.RF_FS_IPv4_UC
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func fresh(r *rule) (bgp.AddrPrefixInterface, *bgp.FlowSpecNLRI) {
	if r.family == bgp.RF_FS_IPv6_UC {
		n := bgp.NewFlowSpecIPv6Unicast(nil)
		return n, &n.FlowSpecNLRI
	}
	n := bgp.NewFlowSpecIPv4Unicast(nil)
	return n, &n.FlowSpecNLRI
}

func decode(r *rule) bgp.AddrPrefixInterface {
	n, _ := fresh(r)
	must(n.DecodeFromBytes(r.octets))
	return n
}

func read() []*rule {
	var rules []*rule
	file, err := os.Open(os.Args[1])
	must(err)
	texts, lines := bufio.NewScanner(file), bufio.NewScanner(os.Stdin)
	for texts.Scan() {
		if strings.HasPrefix(texts.Text(), "#") {
			continue
		}
		if !lines.Scan() {
			log.Fatal("too few octets")
		}
		words := strings.Fields(lines.Text())
		r := &rule{family: family(words[0]), text: strings.Split(texts.Text(), " | ")[2]}
		r.octets, err = hex.DecodeString(words[1])
		must(err)
		r.nlri, r.flow = fresh(r)
		must(r.nlri.DecodeFromBytes(r.octets))
		octets, err := r.nlri.Serialize()
		must(err)
		if !bytes.Equal(octets, r.octets) {
			log.Fatalf("%s does not come back", words[1])
		}
		other, again := fresh(r)
		must(other.DecodeFromBytes(r.octets))
		r.again = again
		rules = append(rules, r)
	}
	return rules
}

func measure(name string, rules []*rule, run func(i int, r *rule)) {
	best := time.Hour
	for round := 0; round < rounds; round++ {
		begin := time.Now()
		for pass := 0; pass < passes; pass++ {
			for i, r := range rules {
				run(i, r)
			}
		}
		if took := time.Since(begin); took < best {
			best = took
		}
	}
	fmt.Printf("%s %.1f\n", name, float64(best.Nanoseconds())/passes/float64(len(rules)))
}

func main() {
	rules := read()
	total := 0
	measure("decode-walk", rules, func(_ int, r *rule) { total += decode(r).Len() })
	measure("encode", rules, func(_ int, r *rule) {
		b, err := r.nlri.Serialize()
		must(err)
		total += len(b)
	})
	measure("parse", rules, func(_ int, r *rule) {
		c, err := bgp.ParseFlowSpecComponents(r.family, r.text)
		must(err)
		total += len(c)
	})
	measure("print", rules, func(_ int, r *rule) { total += len(r.nlri.String()) })
	measure("order", rules, func(i int, r *rule) {
		next := rules[(i+1)%len(rules)]
		if r.family == next.family {
			c, err := bgp.CompareFlowSpecNLRI(r.flow, next.flow)
			must(err)
			total += c
		}
	})
	measure("order-alike", rules, func(_ int, r *rule) {
		c, err := bgp.CompareFlowSpecNLRI(r.flow, r.again)
		must(err)
		total += c
	})
	if total == 0 {
		log.Fatal("nothing was computed")
	}
}
