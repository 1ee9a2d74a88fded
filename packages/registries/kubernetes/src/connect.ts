import { KubeConfig } from '@kubernetes/client-node'
import type { Timers } from 'dure/runtime'
import { createApi, type Api } from './api.ts'

/** Which cluster is asked, and how. */
export type ClusterOptions = {
  /** The namespace that is looked at. Default: that of the pod, or of the configuration's context. */
  readonly namespace?: string
  /** A kubeconfig file. Default: `KUBECONFIG`, `~/.kube/config`, or inside a pod its service account. */
  readonly kubeconfig?: string
  /** Milliseconds between questions whether the server is there. Default 5,000. */
  readonly heartbeat?: number
  /** Milliseconds that an answer may take. Default 5,000. */
  readonly timeout?: number
}

/** @throws {TypeError} when there is no configuration of Kubernetes */
export function connect(
  options: ClusterOptions,
  timers: Timers,
): {
  readonly api: Api
  /** What is asked, for messages. */
  readonly base: string
  readonly pathOf: (group: string, resource: string) => string
} {
  const { timeout = 5_000 } = options
  const config = new KubeConfig()
  if (options.kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(options.kubeconfig)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new TypeError('Cannot use Kubernetes: its configuration names no cluster; set KUBECONFIG')
  const namespace = options.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  return {
    api: createApi({ config, timeout, timers }),
    base: `${cluster.server} (namespace "${namespace}")`,
    pathOf: (group, resource) => `${group}/namespaces/${encodeURIComponent(namespace)}/${resource}`,
  }
}
