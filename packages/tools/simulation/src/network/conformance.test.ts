import { transportConformance } from 'dure/call/conformance'
import { registryConformance } from 'dure/discovery/conformance'
import { createDeadlines, realRuntime } from 'dure/runtime'
import { realNetwork, realProcess } from '../real.test-support.ts'
import type { Host } from './link.ts'
import { simulatedPeers } from './peer.ts'
import { createRegistryHub } from './registry.ts'

transportConformance('simulated network', async (transport, runtime) => {
  const process = realProcess(runtime)
  const host: Host = { process, transport, links: new Set(), closed: false, leaving: false, idle: new Set() }
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  const connect = simulatedPeers({ world: realNetwork(runtime), process, deadlines, hostAt: () => host })
  const peer = connect({ kind: 'unix', path: 'sim/rig' })
  return {
    transport: peer,
    stop: async () => {
      await peer.stop()
      deadlines.stop()
    },
  }
})

registryConformance('simulated registry', async () => {
  const runtime = realRuntime()
  const network = realNetwork(runtime)
  const hub = createRegistryHub({
    now: network.now,
    at: network.at,
    later: (delay, task) => void runtime.timers.after(delay, task),
    news: () => runtime.random.number() * 5,
  })
  const opened: { readonly stop: () => Promise<void> }[] = []
  return {
    open: async () => {
      const registry = hub.open(realProcess(runtime))
      opened.push(registry)
      return registry
    },
    close: async () => {
      for (const registry of opened) await registry.stop()
    },
  }
})
