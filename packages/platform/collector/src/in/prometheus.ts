/** Prometheus' text format, in. */
import type { MetricRecord } from '../record.ts'

type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }
type Family = { readonly type: string; readonly help: string }

/** Lines of one page that are read, and how many were not. */
const MOST_LINES = 200_000

/** Histograms are put together of their buckets; a summary is its sum and count. */
export function readExposition(
  text: string,
  { service, time }: { readonly service: string; readonly time: number },
): { readonly metrics: readonly MetricRecord[]; readonly refused: number } {
  const families = new Map<string, { type: string; help: string }>()
  const samples: Sample[] = []
  let refused = 0
  for (const line of text.split('\n', MOST_LINES)) {
    if (line === '' || line === '\r') continue
    const [, what, name, rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*?)\r?$/.exec(line) ?? []
    if (what !== undefined && name !== undefined) {
      const family = families.get(name) ?? { type: 'untyped', help: '' }
      families.set(name, what === 'TYPE' ? { ...family, type: rest.trim() } : { ...family, help: rest })
      continue
    }
    if (line.startsWith('#')) continue
    const sample = sampleOf(line)
    if (sample === undefined) refused++
    else samples.push(sample)
  }
  return { metrics: recordsOf(samples, families, { service, time }), refused }
}

const NAME = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{|\s)/
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*(,|\})/y

function sampleOf(line: string): Sample | undefined {
  const [head, name, open] = NAME.exec(line) ?? []
  if (head === undefined || name === undefined) return undefined
  const labels: Record<string, string> = {}
  let at = head.length
  if (open === '{') {
    for (let end = line[at] === '}' ? '}' : ''; end !== '}';) {
      LABEL.lastIndex = at
      const found = LABEL.exec(line)
      if (found === null) return undefined
      labels[found[1]!] = found[2]!.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
      at = LABEL.lastIndex
      // A comma may stand behind the last one.
      end = found[3] === '}' ? '}' : line.slice(at).trimStart().startsWith('}') ? '}' : ''
      if (end === '}' && found[3] !== '}') at = line.indexOf('}', at) + 1
    }
    if (line[at - 1] !== '}') at++
  }
  const number = line.slice(at).trim().split(/\s+/, 1)[0] ?? ''
  const value =
    number === '+Inf' || number === 'Inf' ? Infinity : number === '-Inf' ? -Infinity : number === '' ? Number.NaN : Number(number)
  return Number.isNaN(value) && number !== 'NaN' ? undefined : { name, labels, value }
}

function recordsOf(
  samples: readonly Sample[],
  families: ReadonlyMap<string, Family>,
  { service, time }: { readonly service: string; readonly time: number },
): readonly MetricRecord[] {
  const records: MetricRecord[] = []
  const histograms = new Map<string, { about: Sample; name: string; buckets: [number, number][]; sum: number; count: number }>()
  for (const sample of samples) {
    const [, base, part] = /^(.*)_(bucket|sum|count)$/.exec(sample.name) ?? []
    const type = base === undefined ? undefined : families.get(base)?.type
    if (base !== undefined && (type === 'histogram' || type === 'summary')) {
      const { le, quantile: _, ...labels } = sample.labels
      const key = JSON.stringify([base, labels])
      let found = histograms.get(key)
      if (found === undefined)
        histograms.set(key, (found = { about: { ...sample, labels }, name: base, buckets: [], sum: 0, count: 0 }))
      if (part === 'bucket' && le !== undefined) found.buckets.push([le === '+Inf' ? Infinity : Number(le), sample.value])
      else if (part === 'sum') found.sum = sample.value
      else if (part === 'count') found.count = sample.value
    } else if (families.get(sample.name)?.type !== 'summary') records.push(plain(sample))
  }
  for (const { about, name, buckets, sum, count } of histograms.values()) {
    const ordered = buckets.toSorted(([a], [b]) => a - b)
    const counts = ordered.map(([, below], i) => below - (ordered[i - 1]?.[1] ?? 0))
    const bounds = ordered.map(([bound]) => bound).filter((bound) => bound !== Infinity)
    const of = { ...recordOf({ ...about, name, value: count }), kind: 'histogram' as const }
    records.push({ ...of, histogram: { sum, bounds, counts: counts.length === 0 ? [count] : counts } })
  }
  return records

  function recordOf({ name, labels, value }: Sample): MetricRecord {
    const { service_name: named, ...attributes } = labels
    return {
      name,
      service: named ?? service,
      unit: '',
      help: families.get(name)?.help ?? '',
      kind: 'gauge',
      attributes,
      time,
      value,
    }
  }
  function plain(sample: Sample): MetricRecord {
    const record = recordOf(sample)
    return families.get(sample.name)?.type === 'counter' ? { ...record, kind: 'counter' } : record
  }
}
