// SPDX-License-Identifier: ISC
// NLRIs through GoBGP's packet library: for each "FAMILY HEX" of standard input a line with its JSON, a
// tab and the octets that it encodes again; "error: ..." where it fails.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/osrg/gobgp/pkg/packet/bgp"
)

var families = map[string]func() bgp.AddrPrefixInterface{
	"ipv4-flow":     func() bgp.AddrPrefixInterface { return bgp.NewFlowSpecIPv4Unicast(nil) },
	"ipv6-flow":     func() bgp.AddrPrefixInterface { return bgp.NewFlowSpecIPv6Unicast(nil) },
	"ipv4-flow-vpn": func() bgp.AddrPrefixInterface { return bgp.NewFlowSpecIPv4VPN(nil, nil) },
	"ipv6-flow-vpn": func() bgp.AddrPrefixInterface { return bgp.NewFlowSpecIPv6VPN(nil, nil) },
}

func answer(family, text string) (line string) {
	defer func() {
		if p := recover(); p != nil {
			line = fmt.Sprintf("error: panic: %v", p)
		}
	}()
	octets, err := hex.DecodeString(text)
	if err != nil {
		return "error: " + err.Error()
	}
	n := families[family]()
	if err = n.DecodeFromBytes(octets); err != nil {
		return "error: " + err.Error()
	}
	shown, err := json.Marshal(n)
	if err != nil {
		return "error: " + err.Error()
	}
	again, err := n.Serialize()
	if err != nil {
		return "error: " + err.Error()
	}
	return string(shown) + "\t" + hex.EncodeToString(again)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<16), 1<<16)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		words := strings.Fields(in.Text())
		fmt.Fprintln(out, answer(words[0], words[1]))
	}
}
