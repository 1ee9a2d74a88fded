/** On a real kube-apiserver: what it refuses is refused, and a node of ours runs what it says. */
import { createHash, randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { missingServer } from '@dure/testing/servers'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeRelease, type Release } from '../release.ts'
import { targetConformance } from '../target/target.conformance.ts'
import { kubernetes } from './kubernetes.ts'
import { openApiServer, openNode, type Standing } from './node.test-support.ts'

const missing = missingServer('kubernetes') || missingServer('etcd')
const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })
const releaseOf = (version: string): Release => {
  const digest = `sha256:${createHash('sha256').update(version).digest('hex')}`
  return describeRelease(clocks, { version, image: { digest, reference: 'registry.example.org/clocks:latest' } })
}

let server: Promise<Standing> | undefined
after(async () => (await server)?.close())

if (missing === false)
  targetConformance(
    'Kubernetes',
    async () => {
      const { kubeconfig, api } = await (server ??= openApiServer())
      const namespace = `test-${randomUUID().slice(0, 8)}`
      const node = await openNode(api, namespace, 'clocks')
      const entry = { kind: 'gateway', host: 'clocks.example', gateway: 'public' } as const
      const open = () =>
        kubernetes({
          ...{ kubeconfig, namespace, system: 'clocks', entry, readiness: 20_000, timeout: 20_000 },
          autoscale: { most: 4 },
        })
      return { target: open(), again: open, release: releaseOf, call: node.call, close: node.close }
    },
    { sees: false, timeout: 240_000 },
  )
