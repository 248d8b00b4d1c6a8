// go run main.go URL SUBPROTOCOL: nhooyr.io/websocket.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"nhooyr.io/websocket"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := &websocket.DialOptions{Subprotocols: []string{os.Args[2]}}
	socket, _, err := websocket.Dial(ctx, os.Args[1], options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("open", socket.Subprotocol())
	if err := socket.Write(ctx, websocket.MessageText, []byte("client:hello,服务端")); err != nil {
		log.Fatal(err)
	}
	for {
		kind, message, err := socket.Read(ctx)
		if code := websocket.CloseStatus(err); code != -1 {
			fmt.Println("closed", int(code))
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if kind == websocket.MessageBinary {
			fmt.Println("binary")
			continue
		}
		fmt.Println("text", string(message))
		// It waits for the server's answer, and fails on another code than its own.
		if err := socket.Close(websocket.StatusNormalClosure, ""); err != nil {
			log.Fatal(err)
		}
		fmt.Println("closed", int(websocket.StatusNormalClosure))
		return
	}
}
