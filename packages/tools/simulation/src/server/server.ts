/** Database servers of a run, and stores at them that several processes have open at once. */
export { createServers, type Servers } from './servers.ts'
export { serverStore } from './store.ts'
