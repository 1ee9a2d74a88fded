import { hang, table } from '@dure/simulation/text/internal'
import { durationText, visible } from '../format.ts'
import { paint, type Layout } from '../shell.ts'
import type { Beside, Comparison } from './compare.ts'
import type { CapacityPlan, ProcessPlan } from './plan.ts'

/** Calls a second, or processors, in three digits. */
const amount = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value >= 10 ? value.toFixed(1) : value.toFixed(2)
const percent = (part: number): string => `${Math.round(part * 100)} %`
const sizeText = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${amount(bytes / 2 ** 30)} GB` : `${Math.round(bytes / 2 ** 20)} MB`

export function planText(plan: CapacityPlan, layout: Layout): string {
  const { rate, target, processes, servers, measured, total, responses } = plan
  const say = (text: string): string => hang('  ', text, layout.columns)
  const title = (text: string): string => paint(layout, 'bold', hang('', text, layout.columns))
  const most = Math.max(...measured)
  const first = plan.saturates[0]
  return [
    title(
      `${amount(rate)} calls a second at the doors, ${amount(rate / most)} times what was measured (${measured.map(amount).join(', ')})`,
    ),
    ...(plan.extrapolated
      ? [
          say(
            'More than twice what was measured: this supposes that a call costs what it cost then. Measure nearer to it before it counts.',
          ),
        ]
      : []),
    '',
    ...processTable(plan, layout),
    ...servers.map(({ name, processors, size }) =>
      say(`${visible(name)}: ${amount(processors)} processors in use, so ${size} to be at ${percent(target)}.`),
    ),
    say(
      `Together: ${counted(total.copies, 'process', 'processes')}, ${amount(total.processors)} processors in use, so ${total.size} to be at ${percent(target)}; ${sizeText(total.memory)}.`,
    ),
    ...section(title('What is in the way'), [...processes.flatMap((one) => obstacles(one, target)), ...partitions(plan)], say),
    ...(first === undefined
      ? []
      : section(
          title('What is full first, as it ran when it was measured'),
          plan.saturates.slice(0, 3).map(({ what, rate: full }) => `${what}, at ${amount(full)} calls a second`),
          say,
        )),
    ...responseTable(responses, layout),
  ].join('\n')
}

function section(title: string, lines: readonly string[], say: (text: string) => string): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map(say)]
}

function processTable({ processes }: CapacityPlan, layout: Layout): readonly string[] {
  const rows = processes.map(({ name, copies, processors, loop, memory, connections }) => [
    visible(name),
    copies.toLocaleString('en'),
    amount(processors),
    percent(loop),
    sizeText(memory * copies),
    connections === undefined ? '-' : Math.ceil(connections.open).toLocaleString('en'),
  ])
  const [head = '', ...lines] = table([['PROCESS', 'COPIES', 'PROCESSORS', 'EACH BUSY', 'MEMORY', 'CONNECTIONS'], ...rows], {
    ...{ columns: layout.columns, shorten: [0], right: [1, 2, 3, 4, 5] },
  })
  return [paint(layout, 'dim', head), ...lines, '']
}

function responseTable(responses: CapacityPlan['responses'], layout: Layout): readonly string[] {
  if (responses.length === 0) return []
  const rows = responses.map(({ name, mean, p50, p99, behind }) => [
    visible(name),
    ...(behind ? ['more comes than is done', '', ''] : [mean, p50, p99].map(durationText)),
  ])
  const [head = '', ...lines] = table([['CALL AT ITS SERVICE, SIMULATED', 'MEAN', 'HALF', '99 OF 100'], ...rows], {
    ...{ columns: layout.columns, shorten: [0], right: [1, 2, 3] },
  })
  return ['', paint(layout, 'dim', head), ...lines]
}

function obstacles({ name, copies, alone, connections }: ProcessPlan, target: number): readonly string[] {
  const shown = visible(name)
  const { open = 0, used = 0 } = connections ?? {}
  return [
    ...(copies > 1 && alone !== undefined ? [ALONE[alone](shown, copies)] : []),
    ...(open > MANY_CONNECTIONS
      ? [
          `${shown}: ${Math.ceil(open)} connections are open at most, ${Math.ceil(used / target)} of them needed; PostgreSQL takes 100 unless told otherwise, so have smaller pools or a pooler before it.`,
        ]
      : []),
  ]
}

function partitions(plan: CapacityPlan): readonly string[] {
  if (plan.partitions.length === 0) return []
  const topics = plan.partitions.map(({ topic, has, needs }) => `${visible(topic)} (${has} of ${needs})`).join(', ')
  return [`Partitions, which are counted when a topic is made: each copy that reads needs one. Too few: ${topics}.`]
}

const MANY_CONNECTIONS = 100

const ALONE: Readonly<Record<NonNullable<ProcessPlan['alone']>, (name: string, copies: number) => string>> = {
  broker: (name, copies) =>
    `${name}: the embedded broker is one process, and this is the work of ${copies}: have a broker of its own (Kafka, NATS, RabbitMQ, Redis, ActiveMQ).`,
  doors: (name, copies) =>
    `${name}: doors are one process of a machine, and this is the work of ${copies}: have as many machines with doors, behind a gateway.`,
  store: (name, copies) =>
    `${name}: some of its services keep their data in a file, which one process has; ${copies} copies need a database that they share (PostgreSQL).`,
}

export function comparisonText({ rate, processors, responses, full }: Comparison, layout: Layout): string {
  const part = (title: string, rows: readonly Beside[], text: (value: number) => string): readonly string[] => {
    const cells = rows.map(({ what, predicted, measured, error }) => [
      what === 'all' ? 'all' : `  ${visible(what)}`,
      ...[text(predicted), text(measured), Number.isFinite(error) ? `${error < 0 ? '-' : '+'}${percent(Math.abs(error))}` : '-'],
    ])
    const [head = '', ...lines] = table([[title, 'PREDICTED', 'MEASURED', 'OFF BY'], ...cells], {
      ...{ columns: layout.columns, shorten: [0], right: [1, 2, 3] },
    })
    return ['', paint(layout, 'dim', head), ...lines]
  }
  return [
    paint(layout, 'bold', `${amount(rate)} calls a second at the doors: predicted and measured`),
    ...part('PROCESSORS', processors, amount),
    ...part('CALLS', responses, durationText),
    ...(full === undefined
      ? []
      : ['', hang('', `Predicted to be full first: ${full.what}, at ${amount(full.rate)} calls a second.`, layout.columns)]),
  ].join('\n')
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
