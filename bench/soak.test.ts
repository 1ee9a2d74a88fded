import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { judge, slope, type Sample } from './soak/verdict.ts'

const MAIN = join(import.meta.dirname, 'soak', 'main.ts')
const MIB = 1024 * 1024

function soak(...words: string[]): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=dure-source', MAIN, ...words], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr })
    })
  })
}

const short = ['--minutes', '0.05', '--connections', '400', '--pace', '400']

test('a few seconds under every attack: nobody honest is failed', { timeout: 180_000 }, async () => {
  // Too short to tell whether memory is flat.
  const { code, text } = await soak(...short, '--growth', '1000000')
  assert.equal(code, 0, text)
  assert.match(text, /honest_errors +0\n/)
})

test('a server that leaks does not stand', { timeout: 180_000 }, async () => {
  const { code, text } = await soak(...short, '--growth', '150', '--leak')
  assert.equal(code, 1, text)
  assert.match(text, /✖ the heap grew by/)
})

test('what cannot be meant is refused', async () => {
  const { code, text } = await soak('--minutes', 'many')
  assert.equal(code, 1)
  assert.match(text, /^Cannot read --minutes "many": it must be a number above 0/)
})

/** Ten minutes, a look every six seconds; `change` makes of a minute what is to be told apart. */
function samples(change: (minute: number) => { rss?: number; heap?: number; errors?: number; connections?: number }): Sample[] {
  return Array.from({ length: 101 }, (_, n) => {
    const { rss = 300 * MIB, heap = 30 * MIB, errors = 0, connections = 1_000 } = change(n / 10)
    return {
      at: n * 6_000,
      taken: { connections, strangers: 0, calls: 0, held: 0, rss, heap, buffers: 0, cpu: n },
      served: { calls: n, values: n, newcomers: n, errors, longestCall: 1, longestNewcomer: 1, sayings: [] },
      attacked: { open: 1, peak: 1, made: { garbage: n }, ended: 0, refused: 0 },
    }
  })
}

const options = { bounds: { rss: MIB, heap: MIB }, most: 1_200 }

test('flat is what does not go on growing; what fills up in the beginning may', () => {
  assert.deepEqual(
    judge(
      samples(() => ({})),
      options,
    ).wrong,
    [],
  )
  assert.deepEqual(
    judge(
      samples((minute) => ({ rss: Math.min(minute, 1.5) * 200 * MIB })),
      options,
    ).wrong,
    [],
  )
  const saw = samples((minute) => ({ rss: (300 + 100 * Math.sin(minute * 20)) * MIB }))
  assert.deepEqual(judge(saw, options).wrong, [])
  const [leak] = judge(
    samples((minute) => ({ rss: (300 + minute * 1.5) * MIB })),
    options,
  ).wrong
  assert.equal(leak, 'memory (RSS) grew by 1.5 MiB a minute, of 1')
  assert.match(
    judge(
      samples((minute) => ({ heap: minute * 2 * MIB })),
      options,
    ).wrong.join(),
    /the heap grew by 2 MiB/,
  )
})

test('one failed call, one connection too many and nobody there are wrong', () => {
  assert.match(
    judge(
      samples(() => ({ errors: 1 })),
      options,
    ).wrong.join(),
    /1 honest calls failed/,
  )
  assert.match(
    judge(
      samples(() => ({ connections: 1_201 })),
      options,
    ).wrong.join(),
    /1201 connections were open at once, of 1200/,
  )
  const nobody = samples(() => ({})).map((one) => ({
    ...one,
    served: { ...one.served, calls: 0 },
    attacked: { ...one.attacked, made: { garbage: 0 } },
  }))
  assert.deepEqual(judge(nobody, options).wrong, ['no honest call was made', 'nobody tried "garbage"'])
  assert.deepEqual(judge([], options).wrong, ['it was too short to tell anything'])
})

test('a slope is of the line that fits best', () => {
  assert.equal(
    slope([
      [0, 1],
      [60_000, 3],
      [120_000, 5],
    ]),
    2,
  )
  assert.equal(slope([[5, 5]]), 0)
})
