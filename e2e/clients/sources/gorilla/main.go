// go run main.go URL SUBPROTOCOL: github.com/gorilla/websocket.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	dialer := websocket.Dialer{Subprotocols: []string{os.Args[2]}, HandshakeTimeout: 20 * time.Second}
	socket, _, err := dialer.Dial(os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("open", socket.Subprotocol())
	if err := socket.WriteMessage(websocket.TextMessage, []byte("client:hello,服务端")); err != nil {
		log.Fatal(err)
	}
	for {
		socket.SetReadDeadline(time.Now().Add(20 * time.Second))
		kind, message, err := socket.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			fmt.Println("closed", closed.Code)
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if kind == websocket.BinaryMessage {
			fmt.Println("binary")
			continue
		}
		fmt.Println("text", string(message))
		goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		if err := socket.WriteMessage(websocket.CloseMessage, goodbye); err != nil {
			log.Fatal(err)
		}
	}
}
