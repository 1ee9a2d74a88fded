import { contract, type AnyContract, type AnyEvent } from 'dure/contract'
import { system, type Door, type Service, type System } from 'dure/service'
import { fake, insideOf, type Fake } from './fake.ts'

/** What is tested: a system, or services that are one for the time of the test. */
export type Tested = System | Service | readonly Service[]

/** The system that runs, with fakes in place of what is not there. */
export type Subject = {
  readonly system: System
  readonly fakes: readonly Fake[]
  /** Names of the services that are no fakes. */
  readonly own: readonly string[]
  /** The service whose contract announces an event. */
  readonly announcer: (event: AnyEvent) => string | undefined
}

/** Announces what services listen to and no contract at hand does. */
const OUTSIDE = 'outside'

export function subjectOf(tested: Tested, given: readonly Fake[], doors: readonly Door[]): Subject {
  const base = isSystem(tested) ? tested : undefined
  const services = isSystem(tested) ? tested.services : 'contract' in tested ? [tested] : tested
  const name = base?.name ?? services.map((one) => one.contract.name).join('-')
  const faked = new Map(given.map((one) => [one.contract.name, one]))
  const real = services.filter((one) => !faked.has(one.contract.name))
  if (real.length === 0) throw new TypeError(`Cannot test "${name}": all its services are fakes; take one out of "fakes"`)
  const needed = new Map(real.flatMap((one) => Object.values(one.needs).map((need) => [need.name, need] as const)))
  const heard = new Set(real.flatMap((one) => one.reactions.map(({ event }) => event.name)))
  for (const one of given) {
    const { name: faking, events } = one.contract
    const wanted = needed.has(faking) || services.some(({ contract: its }) => its.name === faking)
    if (!wanted && !events.some((event: AnyEvent) => heard.has(event.name)))
      throw new TypeError(
        `Cannot test "${name}": it is given a fake of "${faking}", which none of its services needs or listens to; ` +
          'take it out of "fakes"',
      )
  }
  const here = new Set(real.map((one) => one.contract.name))
  const missing = [...needed.values()].filter((need) => !here.has(need.name) && !faked.has(need.name)).map((need) => fake(need))
  const fakes = [...given, ...missing]
  const contracts = [...real.map((one) => one.contract), ...fakes.map((one) => one.contract)]
  const announced = new Map(contracts.flatMap((its) => its.events.map((event: AnyEvent) => [event.name, its.name] as const)))
  const unknown = real
    .flatMap((one) => one.reactions.filter(({ kind, event }) => kind === 'topic' && !announced.has(event.name)))
    .map(({ event }) => event)
  if (unknown.length > 0) fakes.push(fake(outside(unknown)))
  for (const event of unknown) announced.set(event.name, OUTSIDE)
  return {
    fakes,
    own: [...here],
    announcer: (event) => announced.get(event.name),
    system: {
      ...system(name, {
        services: [...real, ...fakes.map((one) => insideOf(one).service)],
        ...{ doors, security: base?.security },
        stores: Object.fromEntries(Object.entries(base?.stores ?? {}).filter(([service]) => here.has(service))),
        ...(base !== undefined && { database: base.database }),
      } as Parameters<typeof system>[1]),
      telemetry: false,
    },
  }
}

function isSystem(tested: Tested): tested is System {
  return 'services' in tested
}

function outside(events: readonly AnyEvent[]): AnyContract {
  const once = new Map(events.map((event) => [event.name, event]))
  return contract(OUTSIDE, { version: '1.0.0', owner: 'test', operations: {}, events: [...once.values()] })
}
