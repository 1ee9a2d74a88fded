import type { Release } from '../release.ts'
import { nameOf, type KubernetesObject } from './documents.ts'

/** Where callers come from outside: an Ingress, or a Gateway, which can share calls among releases. */
export type KubernetesEntry =
  | {
      readonly kind: 'ingress'
      readonly host: string
      /** Whose Ingress it is. Default: that of the cluster. */
      readonly className?: string
      /** A secret with the certificate of the host. */
      readonly tls?: string
    }
  | {
      readonly kind: 'gateway'
      readonly host: string
      /** The Gateway, of `gateway.networking.k8s.io/v1`, that the route belongs to. */
      readonly gateway: string
      /** Its namespace, where it is another. */
      readonly namespace?: string
    }

/** A share of the calls. */
export type Share = { readonly release: Pick<Release, 'system' | 'digest'>; readonly share: number }

/** Why an entry cannot share calls like this. */
export function entryProblems({ kind }: KubernetesEntry, shares: readonly Share[]): readonly string[] {
  if (kind === 'gateway' || shares.length === 1) return []
  return ['an Ingress leads to one release; give one of them 100, or have a Gateway share the calls (entry: { kind: "gateway" })']
}

/** The object that leads callers to the Services of releases. */
export function entryOf(system: string, namespace: string, entry: KubernetesEntry, shares: readonly Share[]): KubernetesObject {
  const labels = { 'app.kubernetes.io/part-of': system, 'app.kubernetes.io/managed-by': 'dure' }
  const metadata = { name: system, namespace, labels }
  if (entry.kind === 'gateway') {
    const { gateway, namespace: elsewhere, host } = entry
    return {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata },
      spec: {
        parentRefs: [{ name: gateway, ...(elsewhere !== undefined && { namespace: elsewhere }) }],
        hostnames: [host],
        rules: [{ backendRefs: shares.map(({ release, share }) => ({ name: nameOf(release), port: 80, weight: share })) }],
      },
    }
  }
  const { className, host, tls } = entry
  const backend = { service: { name: nameOf(shares[0]!.release), port: { name: 'http' } } }
  return {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata },
    spec: {
      ...(className !== undefined && { ingressClassName: className }),
      ...(tls !== undefined && { tls: [{ hosts: [host], secretName: tls }] }),
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  }
}

/** Percent of the calls by the name of a Service, as the object that is there says it. */
export function sharesIn(object: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  const { rules = [] } = (object['spec'] ?? {}) as { readonly rules?: readonly (Route & Rule)[] }
  const [rule] = rules
  const refs = rule?.backendRefs ?? []
  if (refs.length > 0) return new Map(refs.map(({ name, weight = 1 }) => [name, weight]))
  const name = rule?.http?.paths[0]?.backend.service.name
  return new Map(name === undefined ? [] : [[name, 100]])
}
type Route = { readonly backendRefs?: readonly { readonly name: string; readonly weight?: number }[] }
type Rule = {
  readonly http?: { readonly paths: readonly { readonly backend: { readonly service: { readonly name: string } } }[] }
}
