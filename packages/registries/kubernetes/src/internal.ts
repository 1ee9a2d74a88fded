/** What Dure's own packages share of Kubernetes, and no promise to anybody else. */
export type { Api, Json } from './api.ts'
export { connect, type ClusterOptions } from './connect.ts'
