import { DOORS, type Group, type Placeable } from '../placement.ts'
import { regroup, type Regrouped, type PlaceRequest } from '../regroup.ts'
import { createTurns } from '../turns.ts'
import type { Move, Moved, ProcessOptions } from './options.ts'

/** Where the services of a supervised system run, and how to have them run elsewhere. */
export type Placed = {
  readonly groups: () => readonly Group[]
  /** What a move would change, without making it. @throws {SystemError} when the service cannot run there */
  readonly plan: (request: PlaceRequest) => Plan
  /**
   * Moves a service to a process of its own (`out`), or into one that others share (`in`), while all work. It stays there until the
   * system is started anew: what is to last belongs into its `placement`.
   * @throws {SystemError} when it cannot run there; {SupervisorError} when it could not, and is where it was
   */
  readonly place: (request: PlaceRequest) => Promise<PlacedService>
}

/** Who calls whom, as contracts say (`needs`); doors call every service. */
export type CallBetween = { readonly caller: string; readonly callee: string }

export type Plan = {
  readonly service: string
  /** Processes by name. */
  readonly from: string
  readonly to: string
  /** No call waits: the one is there before the other leaves. */
  readonly overlaps: boolean
  /** Calls that stay in one process now and go to another one then, and the other way round. */
  readonly apart: readonly CallBetween[]
  readonly together: readonly CallBetween[]
}

export type PlacedService = Moved & {
  readonly service: string
  /** Processes by name: who had it, and who has it. */
  readonly from: string
  readonly to: string
}

/**
 * Moves services between the processes of a supervisor that runs a system in these groups.
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { groupsOf, service, system } from 'dure/service'
 * import { placed } from 'dure/supervisor'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const time = system('time', { services: [service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })] })
 * // In a program that calls `supervise` itself; `dure start --split` does it by itself.
 * const supervisor = { move: async () => ({ ms: 40, away: 0 }) }
 * const groups = groupsOf({ ...time, placement: [['broker', 'clock']] })
 * const services = placed({ system: time, groups, supervisor, process: ({ name }) => ({ name, program: ['part.ts'] }) })
 * const moved = await services.place({ service: 'clock', where: 'out' })
 * console.log(moved.from, moved.to, moved.ms) // → broker+clock clock 40
 * ```
 */
export function placed(options: {
  readonly system: Placeable
  /** As they run now. */
  readonly groups: readonly Group[]
  readonly supervisor: { readonly move: (move: Move) => Promise<Moved> }
  /** What runs a group. */
  readonly process: (group: Group) => ProcessOptions
}): Placed {
  const { system, supervisor, process } = options
  let groups = options.groups
  /** What each service shared a process with when it last did. */
  const homes = new Map<string, readonly string[]>()
  const turns = createTurns()
  const noteHomes = (): void => {
    for (const { members } of groups) if (members.length > 1) for (const member of members) homes.set(member, members)
  }
  noteHomes()
  const regrouped = (request: PlaceRequest): Regrouped =>
    regroup(system, groups, { ...request, home: homes.get(request.service)?.filter((member) => member !== request.service) })
  const plan = (request: PlaceRequest): Plan => {
    const { from, becomes, overlaps, groups: next } = regrouped(request)
    const calls = callsOf(system).filter(({ caller, callee }) => caller === request.service || callee === request.service)
    const near = (among: readonly Group[]) => (call: CallBetween) => {
      return among.some(({ members }) => members.includes(call.caller) && members.includes(call.callee))
    }
    return {
      ...{ service: request.service, from: from.name, to: becomes.name, overlaps },
      apart: calls.filter((call) => near(groups)(call) && !near(next)(call)),
      together: calls.filter((call) => !near(groups)(call) && near(next)(call)),
    }
  }
  const place = async (request: PlaceRequest): Promise<PlacedService> => {
    const { service } = request
    const next = regrouped(request)
    const { from, left, to, becomes, overlaps } = next
    const moved = await supervisor.move({
      part: service,
      from: { name: from.name, becomes: left && process(left) },
      to: { name: to?.name, becomes: process(becomes) },
      overlaps,
    })
    groups = next.groups
    noteHomes()
    return { ...moved, service, from: from.name, to: becomes.name }
  }
  return { groups: () => groups, plan, place: (request) => turns.take(() => place(request)) }
}

function callsOf({ services }: Placeable): readonly CallBetween[] {
  return services.flatMap(({ contract, needs }) => [
    { caller: DOORS, callee: contract.name },
    ...Object.values(needs as Readonly<Record<string, { readonly name: string }>>).map(({ name }) => ({
      caller: contract.name,
      callee: name,
    })),
  ])
}
