/** A server of HTTP/2 that answers each request with 90 bytes: ours, or Node's. */
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { realRuntime } from 'dure/runtime'
import { serveHttp2, type Http2Headers } from '@dure/http2'

const body = Buffer.alloc(90, 'x')
const HEADERS: Http2Headers = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
]
const TRAILERS: Http2Headers = [['grpc-status', '0']]

function ours(): Server {
  const runtime = realRuntime()
  return createServer(
    (socket) =>
      void serveHttp2(socket, {
        runtime,
        onError: (error) => console.error(error),
        onStream: (stream) => ({
          data: () => {},
          aborted: () => {},
          end: () => {
            stream.respond(HEADERS)
            stream.write(body)
            stream.end(TRAILERS)
          },
        }),
      }),
  )
}

function nodes(): Server {
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('data', () => {})
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(body)
    })
  })
  return server
}

const server = process.argv[2] === 'dure' ? ours() : nodes()
server.listen(0, '127.0.0.1', () => void process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
