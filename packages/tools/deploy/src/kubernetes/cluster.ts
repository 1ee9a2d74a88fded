import { RegistryAway } from 'dure/discovery/internal'
import { connect, type ClusterOptions, type Json } from '@dure/kubernetes/internal'
import type { Timers } from 'dure/runtime'
import type { KubernetesObject } from './documents.ts'

/** One namespace of a cluster, as whoever deploys into it works with it. */
export type Cluster = {
  readonly read: (kind: Kind, name: string) => Promise<Json | undefined>
  readonly list: (kind: Kind, selector: string) => Promise<readonly Json[]>
  /** Has it be as it is said, whatever it was; with `dry` only says what would be. @throws {RegistryAway} with what the server said */
  readonly apply: (object: KubernetesObject, dry?: boolean) => Promise<Json>
  /** Changes some of it. */
  readonly patch: (kind: Kind, name: string, change: object) => Promise<Json>
}

/** What is asked for by name. */
export type Kind =
  | 'ConfigMap'
  | 'Secret'
  | 'ServiceAccount'
  | 'Service'
  | 'Pod'
  | 'Deployment'
  | 'PodDisruptionBudget'
  | 'HorizontalPodAutoscaler'
  | 'Ingress'
  | 'HTTPRoute'

const PLACES: Readonly<Record<Kind, readonly [group: string, resource: string]>> = {
  ConfigMap: ['/api/v1', 'configmaps'],
  Secret: ['/api/v1', 'secrets'],
  ServiceAccount: ['/api/v1', 'serviceaccounts'],
  Service: ['/api/v1', 'services'],
  Pod: ['/api/v1', 'pods'],
  Deployment: ['/apis/apps/v1', 'deployments'],
  PodDisruptionBudget: ['/apis/policy/v1', 'poddisruptionbudgets'],
  HorizontalPodAutoscaler: ['/apis/autoscaling/v2', 'horizontalpodautoscalers'],
  Ingress: ['/apis/networking.k8s.io/v1', 'ingresses'],
  HTTPRoute: ['/apis/gateway.networking.k8s.io/v1', 'httproutes'],
}

/** Who fields belong to: what others have set stays theirs. */
const MANAGER = 'dure'
const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'

export function openCluster(options: ClusterOptions, timers: Timers): Cluster {
  const { api, pathOf } = connect(options, timers)
  const place = (kind: Kind, name = ''): string => {
    const [group, resource] = PLACES[kind]
    return `${pathOf(group, resource)}${name === '' ? '' : `/${encodeURIComponent(name)}`}`
  }
  return {
    read: async (kind, name) => {
      try {
        return await api.get(place(kind, name))
      } catch (error) {
        if (error instanceof RegistryAway && error.status === 404) return undefined
        throw error
      }
    },
    list: async (kind, selector) => {
      const { items } = await api.get(`${place(kind)}?labelSelector=${encodeURIComponent(selector)}`)
      return Array.isArray(items) ? (items as readonly Json[]) : []
    },
    apply: (object, dry = false) => {
      const path = `${place(object.kind as Kind, object.metadata.name)}?fieldManager=${MANAGER}&force=true${dry ? '&dryRun=All' : ''}`
      return api.ask('PATCH', path, { body: object, type: APPLY })
    },
    patch: (kind, name, change) => api.ask('PATCH', place(kind, name), { body: change, type: MERGE }),
  }
}
