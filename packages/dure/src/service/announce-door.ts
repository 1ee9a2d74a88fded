import type { AnyContract } from '../contract/contract.ts'
import type { Registration, Registry } from '../discovery/discovery.ts'
import { timeLeft } from '../runtime/internal.ts'
import type { Disposables } from './disposables.ts'
import { GRACE } from './process/process.ts'
import type { Health, OpenDoor, World } from './system.ts'

/** Milliseconds between two looks at whether services are ready. */
const LOOK = 2_000

/**
 * Tells the registry where the services behind a door are reached from outside, and keeps it told: who is not ready is down, and
 * before the door closes they are said to drain. The registry is opened for it only where somebody is to be told.
 */
export async function announceDoor(
  { announced }: OpenDoor,
  options: {
    readonly reach: 'process' | 'network' | undefined
    readonly registry: () => Promise<Registry>
    readonly health: () => Promise<Health>
    readonly world: World
    readonly disposables: Disposables
  },
): Promise<void> {
  const { reach, health, world, disposables } = options
  const { runtime, log } = world
  if (announced === undefined || (!announced.asked && reach !== 'network')) return
  if ('unreachable' in announced)
    return log.info('A door is not announced in the registry', { door: announced.door, reason: announced.unreachable })

  const registry = await options.registry()
  const { endpoint, address, services } = announced
  const id = `${runtime.ids.next()}-${endpoint}`
  const metadata = { since: new Date(runtime.clock.now()).toISOString(), ...announced.metadata }
  const statusOf = async (): Promise<(contract: AnyContract) => 'up' | 'down'> => {
    const known = await health().catch(() => undefined)
    return ({ name }) => (known?.services.some(({ service, ready }) => service === name && ready) === true ? 'up' : 'down')
  }
  const now = await statusOf()
  const told = new Map<AnyContract, { readonly registration: Registration; status: 'up' | 'down' }>()
  for (const contract of services) {
    const { name: service, version } = contract
    const status = now(contract)
    const registration = await registry.register({ service, id, version, status, endpoints: { [endpoint]: address }, metadata })
    told.set(contract, { registration, status })
  }

  let stopped = false
  const look = async (): Promise<void> => {
    const found = await statusOf()
    for (const [contract, one] of told) {
      const status = found(contract)
      if (stopped || status === one.status) continue
      one.status = status
      await one.registration.update({ status })
    }
  }
  const again = (): void => {
    timer = runtime.timers.after(LOOK, () => {
      void look()
        .catch((error: unknown) => log.warn('Cannot tell the registry whether services are ready', { error }))
        .then(() => {
          if (!stopped) again()
        })
    })
  }
  let timer = runtime.timers.after(0, () => {})
  again()
  disposables.add('what the registry knows of a door', async ({ timeout }) => {
    stopped = true
    timer.cancel()
    const left = timeLeft(runtime.clock, timeout)
    const registrations = [...told.values()].map(({ registration }) => registration)
    await Promise.all(registrations.map((one) => one.update({ status: 'draining' })))
    await runtime.timers.sleep(Math.min(registry.grace ?? GRACE, left()))
    await Promise.all(registrations.map((one) => one.stop()))
  })
}
