import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import type { NetworkWorld } from './network/network.ts'
import type { Process } from './kernel/kernel.ts'

/** A process of the real world, which nothing befalls: what conformance suites run the simulated adapters in. */
export function realProcess(runtime: Runtime = realRuntime()): Process {
  return {
    name: 'real',
    label: 'real',
    state: 'alive',
    held: [],
    runtime,
    log: silentLogger(),
    clockOffset: 0,
    files: [],
    onDeath: [],
    point: () => false,
    note: () => {},
    pause: (ms) => runtime.timers.sleep(ms),
  }
}

/** A network of the real world: everything arrives, a moment later. */
export function realNetwork(runtime: Runtime): NetworkWorld {
  const { clock, timers, random } = runtime
  return {
    now: clock.monotonic,
    at: (time, _process, task) => void timers.after(Math.max(0, time - clock.monotonic()), task),
    latency: () => random.number() * 2,
    cutUntil: () => -1,
    fate: () => 'arrives',
    sometimes: () => {},
    point: () => false,
  }
}
