/** What Dure's own packages share of REST, and no promise to anybody else. */
export { httpPeers, requestWriter } from './client/client.ts'
export { restInMemory, type MemoryAnswer, type MemoryDoor, type MemoryOptions, type MemoryRequest } from './in-memory.ts'
