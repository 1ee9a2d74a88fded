/** What Dure's own tools use of the Thrift door, and no promise to anybody else. */
export { thriftPeers, type ThriftPeersOptions } from './client/peer.ts'
