/** Calls between processes: multiplexed frames over TCP and Unix sockets. */
export { socketPeers, type SocketPeersOptions } from './peers.ts'
export { listenSocket, type ListenSocketOptions, type ListenerStatus, type SocketListener } from './listen.ts'
export type { ClientTls, LiveTls, Tls } from './address.ts'
export type { Naming } from './identity.ts'
export type { Accept, ByteStream, Dial } from './byte-stream.ts'
export { watchFrames } from './frame-watch.ts'
