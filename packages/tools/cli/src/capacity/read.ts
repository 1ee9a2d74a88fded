import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { CliError } from '../shell.ts'
import type { Measurement } from './measurement.ts'

const number = z.number().nonnegative()
const of = z.object({ service: z.string(), operation: z.string(), perSecond: number })

const Saved: z.ZodType<Measurement> = z.object({
  version: z.literal(1),
  seconds: z.number().positive(),
  processors: z.int().positive(),
  entries: z.array(of).min(1),
  operations: z.array(
    of.extend({
      mean: number,
      p99: z
        .number()
        .nullable()
        .transform((value) => value ?? Infinity),
    }),
  ),
  calls: z.array(z.object({ caller: z.string(), callee: z.string(), perSecond: number })),
  consumers: z.array(z.object({ group: z.string(), topic: z.string(), perSecond: number, partitions: z.int().positive() })),
  processes: z.array(
    z.object({ name: z.string(), members: z.array(z.string()), processors: number, loop: number, memory: number }),
  ),
  servers: z.array(z.object({ name: z.string(), processors: number })),
  pools: z.array(z.object({ service: z.string(), used: number, size: number })),
  others: number.optional(),
})

/** Reads what `--save` has written. @throws {CliError} when it is something else */
export async function readMeasurement(file: string): Promise<Measurement> {
  const wrong = (why: string): CliError =>
    new CliError(`Cannot plan from ${file}: ${why}; give a file that "dure plan --save" wrote`)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrong(error.code === 'ENOENT' ? 'there is no such file' : error.message)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong('it is not JSON')
  }
  const parsed = Saved.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw wrong(`${issue!.path.join('.') || 'it'} ${issue!.message}`)
}
