import { at } from './fit.ts'
import type { Measurement } from './measurement.ts'
import { modelOf, sumOf, type CostModel } from './model.ts'
import { responsesAt } from './network.ts'
import { saturationOf } from './plan.ts'

/** A prediction beside what was measured at that load, on the computer of the measurements. */
export type Comparison = {
  /** Calls a second at the doors. */
  readonly rate: number
  /** Processors: of all, and of each process and server that uses a hundredth of one or more. */
  readonly processors: readonly Beside[]
  /** Milliseconds of a call at its service, over all of them and of each operation that was called 30 times or more. */
  readonly responses: readonly Beside[]
  /** At which rate something is full, as predicted; above it nothing can be measured. */
  readonly full: { readonly what: string; readonly rate: number } | undefined
}

/** `error`: by which part of what was measured the prediction is off. */
export type Beside = { readonly what: string; readonly predicted: number; readonly measured: number; readonly error: number }

export function compare(model: CostModel, measurement: Measurement): Comparison {
  const found = modelOf([measurement])
  const rate = found.rates[0]!
  const copies = new Map(found.processes.map((one) => [one.name, one.copies]))
  const used = (line: { readonly idle: number; readonly each: number } | undefined): number => (line ? at(line, rate) : 0)
  const each = [
    ...found.processes.map((one) => ({ name: one.name, measured: used(one.processors), of: model.processes })),
    ...found.servers.map((one) => ({ name: one.name, measured: used(one.processors), of: model.servers })),
  ].map(({ name, measured, of }) => beside(name, used(of.find((one) => one.name === name)?.processors), measured))
  const responses = responsesAt(model, rate, { copies, computer: true })
  const operations = measurement.operations.flatMap(({ service, operation, perSecond, mean }) => {
    const name = `${service}.${operation}`
    const predicted = responses.find((one) => one.name === name)
    const calls = perSecond * measurement.seconds
    return predicted === undefined || calls < 30 ? [] : [{ ...beside(name, predicted.mean, mean), calls }]
  })
  const weighted = (of: 'predicted' | 'measured'): number =>
    sumOf(operations.map((one) => one[of] * one.calls)) / Math.max(1, sumOf(operations.map(({ calls }) => calls)))
  return {
    rate,
    processors: [
      beside('all', sumOf(each.map(({ predicted }) => predicted)), sumOf(each.map(({ measured }) => measured))),
      ...each.filter(({ measured }) => measured >= 0.01),
    ],
    responses: [beside('all', weighted('predicted'), weighted('measured')), ...operations.map(({ calls: _, ...one }) => one)],
    full: saturationOf(model)[0],
  }
}

const beside = (what: string, predicted: number, measured: number): Beside => ({
  ...{ what, predicted, measured },
  error: measured === 0 ? (predicted === 0 ? 0 : Infinity) : (predicted - measured) / measured,
})
