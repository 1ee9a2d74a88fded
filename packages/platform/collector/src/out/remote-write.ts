/** Numbers as Prometheus' remote write takes them. Source: Prometheus Remote-Write 1.0; Snappy's block format. */
import { PbfWriter } from 'pbf'
import type { MetricRecord } from '../record.ts'
import { nameOf, samplesOf } from './exposition.ts'

/** WriteRequest, in Snappy's form. */
export function remoteWriteBody(metrics: readonly MetricRecord[]): Uint8Array {
  const writer = new PbfWriter()
  // Of one series its samples have to be in their order, and with it what else is told of it.
  for (const record of metrics.toSorted((a, b) => a.time - b.time)) {
    const series = { ...record, points: [{ time: record.time, value: record.value, histogram: record.histogram }] }
    for (const { name, labels, value } of samplesOf(nameOf(record), series))
      writer.writeMessage(1, writeSeries, { labels: { __name__: name, ...labels }, value, time: record.time })
  }
  return snappy(writer.finish())
}

type Written = { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly time: number }

function writeSeries({ labels, value, time }: Written, writer: PbfWriter): void {
  // They have to be in the order of their names.
  for (const [name, text] of Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    writer.writeMessage(1, writePair, { name, text })
  writer.writeMessage(2, writeSample, { value, time })
}

function writePair({ name, text }: { readonly name: string; readonly text: string }, writer: PbfWriter): void {
  writer.writeStringField(1, name)
  writer.writeStringField(2, text)
}

function writeSample({ value, time }: Pick<Written, 'value' | 'time'>, writer: PbfWriter): void {
  writer.writeDoubleField(1, value)
  writer.writeVarintField(2, Math.round(time))
}

/** Bytes of one element. */
const LITERAL = 65_536

/** As its block format allows it: all of it as it is, in elements of 64 KiB. Those who read it need nothing else, and no compressor is another dependency. */
export function snappy(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(varint(bytes.length))]
  for (let from = 0; from < bytes.length; from += LITERAL) {
    const part = bytes.subarray(from, from + LITERAL)
    const most = part.length - 1
    // A tag of 61: the length less one is in the next two bytes.
    parts.push(Uint8Array.of(61 << 2, most & 0xff, most >> 8), part)
  }
  return Buffer.concat(parts)
}

function varint(value: number): readonly number[] {
  const bytes: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80)
  bytes.push(left)
  return bytes
}
