// An echo server as Go's users write it: a goroutine for each connection, over the runtime's own
// netpoller. It serves until SIGINT or SIGTERM, then exits 0 with a line of totals.
//
// Nothing here says how many CPUs it uses: Go takes as many threads at once (GOMAXPROCS) as the
// process may use CPUs when it starts, so whoever binds it decides. Go sets TCP_NODELAY itself, and
// takes the backlog from the kernel's net.core.somaxconn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
)

// As much at a time as the other servers of the suite.
const bufferBytes = 16 * 1024

// The simplest congestion control, as the other servers have it on loopback
// (runtimes/support/blocking_sockets.hpp says why).
func simpleCongestionControl(_, _ string, c syscall.RawConn) error {
	const tcpCongestion = 13
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, tcpCongestion, "reno")
	})
}

var connections, echoed atomic.Int64

func echo(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, bufferBytes)
	for {
		got, err := peer.Read(buffer)
		if got > 0 {
			// Before the write: what a client has back was counted.
			echoed.Add(int64(got))
			if _, failed := peer.Write(buffer[:got]); failed != nil {
				echoed.Add(int64(-got))
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func serve(listener net.Listener) error {
	for {
		peer, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		connections.Add(1)
		go echo(peer)
	}
}

func run(host string, port int) error {
	config := net.ListenConfig{Control: simpleCongestionControl}
	listener, err := config.Listen(
		context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		listener.Close()
	}()
	fmt.Println("listening on", listener.Addr())
	if err := serve(listener); err != nil {
		return err
	}
	fmt.Printf("served %d connections, echoed %d bytes\n", connections.Load(), echoed.Load())
	return nil
}

func main() {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 8001, "port to listen on; 0 picks a free one")
	version := flag.Bool("version", false, "print the version of Go that it was built with")
	flag.Parse()
	if *version {
		fmt.Println("echo_server:", runtime.Version())
		return
	}
	if flag.NArg() > 0 || *port < 0 || *port > 65535 {
		fmt.Fprintln(os.Stderr, "echo_server: error: bad arguments (see --help)")
		os.Exit(2)
	}
	if err := run(*host, *port); err != nil {
		fmt.Fprintln(os.Stderr, "echo_server: error:", err)
		os.Exit(1)
	}
}
