import { transportConformance } from 'dure/call/conformance'
import { registryConformance } from 'dure/discovery/conformance'
import { socketPeers } from 'dure/call/internal'
import { realRuntime } from 'dure/runtime'
import { realNetwork, realProcess } from '../real.test-support.ts'
import { createNetwork } from './network.ts'
import { createRegistryHub } from './registry.ts'

transportConformance('simulated network', async (transport, runtime) => {
  const process = realProcess(runtime)
  const network = createNetwork(realNetwork(runtime))
  const listener = await network.listen(process, 'rig', transport)
  const peer = socketPeers({ runtime, log: process.log, dial: network.dial(process) })(listener.address)
  return {
    transport: peer,
    stop: async () => {
      await peer.stop()
      await listener.stop()
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
