import type { Random } from 'dure/runtime'
import { at } from './fit.ts'
import { sumOf, type CostModel, type ProcessCost } from './model.ts'
import { simulate, type Flow, type Network, type Response, type Station, type Step } from './queues.ts'

/**
 * How long calls take at their services at so many calls a second, with so many copies. `computer`: all of it runs on the computer
 * that it was measured on, and shares its processors.
 */
export function responsesAt(
  model: CostModel,
  rate: number,
  { copies, computer }: { readonly copies: ReadonlyMap<string, number>; readonly computer: boolean },
): readonly Response[] {
  return simulate(networkOf(model, rate, { copies, computer }))
}

function networkOf(
  model: CostModel,
  rate: number,
  { copies, computer }: { readonly copies: ReadonlyMap<string, number>; readonly computer: boolean },
): Network {
  const visits = visitsOf(model)
  const serving = model.processes.filter(({ turns }) => turns > 0)
  // Work that is not counted in calls and messages keeps a copy busy all the same: what is left is what turns have.
  const times = ({ loop }: ProcessCost, own: number): number => 1 / Math.max(0.05, 1 - loop.idle / own)
  const stations: Record<string, Station> = {
    ...Object.fromEntries(
      serving.map((one) => {
        const own = copies.get(one.name) ?? one.copies
        return [one.name, { servers: 1, copies: own, times: times(one, own) }]
      }),
    ),
    // As large as it needs to be: it is told beside this how large that is.
    ...Object.fromEntries(
      model.servers.map(({ name, processors }) => {
        const needed = computer ? model.processors : Math.ceil(at(processors, rate) / 0.7)
        return [SERVER + name, { servers: Math.max(1, needed), copies: 1, times: 1 }]
      }),
    ),
    ...(computer ? { [OTHERS]: { servers: model.processors, copies: 1, times: 1 } } : {}),
  }
  const entries = model.entries.map(({ service, operation, share }): Flow => ({
    ...{ name: `${service}.${operation}`, perSecond: rate * share, asked: true },
    steps: (random) => visits.call(service, operation, random),
  }))
  const beside = serving.flatMap((one): readonly Flow[] => {
    const messages = visits.messages(one) * rate
    return messages <= 0 ? [] : [{ name: one.name, perSecond: messages, asked: false, steps: () => visits.turn(one) }]
  })
  const others: readonly Flow[] =
    computer && model.others.each > 0
      ? [
          {
            ...{ name: OTHERS, perSecond: rate, asked: false },
            steps: () => [{ at: OTHERS, ms: model.others.each * 1_000 }],
          },
        ]
      : []
  return {
    stations,
    flows: [...entries, ...beside, ...others],
    ...(computer ? { shared: { processors: model.processors } } : {}),
  }
}

const [SERVER, OTHERS] = ['server ', 'others']

/** What a call or a message does, one after the other. */
function visitsOf(model: CostModel) {
  const hosts = (service: string): ProcessCost | undefined => model.processes.find(({ members }) => members.includes(service))
  const withStore = model.processes.filter(({ members }) => model.pools.some(({ service }) => members.includes(service)))
  const transactions = sumOf(withStore.map(({ turns }) => turns))
  const server = model.servers.map(({ name, processors }): Step => {
    return { at: SERVER + name, ms: transactions === 0 ? 0 : (processors.each / transactions) * 1_000 }
  })
  const serverTime = sumOf(server.map((step) => ('ms' in step ? step.ms : 0)))
  const turn = (one: ProcessCost): readonly Step[] => [{ at: one.name, ms: one.turn }, ...(withStore.includes(one) ? server : [])]
  const callsOf = (service: string): number =>
    sumOf(model.calls.filter(({ callee }) => callee === service).map(({ each }) => each))
  /** How often a call of a service asks another one. */
  const asks = (service: string): readonly { readonly callee: string; readonly often: number }[] =>
    model.calls.flatMap(({ caller, callee, each }) => {
      const own = callsOf(service)
      return caller === service && callee !== service && own > 0 ? [{ callee, often: each / own }] : []
    })
  const meanOf = (service: string, operation?: string): number => {
    const own = model.means.filter((one) => one.service === service && (operation === undefined || one.operation === operation))
    return own.length === 0 ? 0 : sumOf(own.map(({ mean }) => mean)) / own.length
  }
  /** What a call waits for that is neither its process nor a server at work: a disk, the network, a timer. */
  const restOf = (service: string, operation?: string): number => {
    const one = hosts(service)
    if (one === undefined) return 0
    const busy = at(one.loop, model.rates[0]!) / one.copies
    const known =
      one.turn / Math.max(0.05, 1 - busy) +
      (withStore.includes(one) ? serverTime : 0) +
      sumOf(asks(service).map(({ callee, often }) => often * meanOf(callee)))
    return Math.max(0, meanOf(service, operation) - known)
  }
  const call = (service: string, operation: string | undefined, random: Random, depth = 0): readonly Step[] => {
    const one = hosts(service)
    if (one === undefined) return []
    const below = asks(service).flatMap(({ callee, often }) => {
      const times = Math.floor(often) + (random.number() < often % 1 ? 1 : 0)
      return depth > 8 ? [] : Array.from({ length: times }, () => call(callee, undefined, random, depth + 1)).flat()
    })
    return [...turn(one), ...below, { wait: restOf(service, operation) }]
  }
  const messages = ({ members }: ProcessCost): number =>
    sumOf(model.consumers.filter(({ service }) => members.includes(service)).map(({ each }) => each)) +
    // Doors hand on what came in: their own work, for which the service does not wait.
    (members.includes('doors') ? 1 : 0)
  return { turn, call, messages }
}
