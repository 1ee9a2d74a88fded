/** What Dure's own packages share of the gateway, and no promise to anybody else. */
export { problem } from './proxy/proxy.ts'
