/** Makes of the client's sources the files that a browser loads: when the package is built, and in the repository when one is first asked for. */
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const client = join(import.meta.dirname, 'client')

/** By name: the page, its script, its worker, its style, its picture. @throws what the bundler finds wrong */
export async function bundle(): Promise<Readonly<Record<string, string>>> {
  const [script, worker] = await Promise.all([code('main.tsx'), code('trace/worker.ts')])
  const charts = readFileSync(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const styles = globSync('style/*.css', { cwd: client })
    .toSorted()
    .map((name) => readFileSync(join(client, name), 'utf8'))
  return {
    'index.html': readFileSync(join(client, 'index.html'), 'utf8'),
    'console.js': script,
    'trace-worker.js': worker,
    'console.css': [charts, ...styles].join('\n'),
    'icon.svg': readFileSync(join(client, 'icon.svg'), 'utf8'),
  }
}

async function code(entry: string): Promise<string> {
  const made = await rolldown({
    input: join(client, entry),
    platform: 'browser',
    treeshake: true,
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    onwarn: (warning) => {
      throw new Error(`Cannot bundle the console: ${warning.message}`)
    },
  })
  try {
    const { output } = await made.generate({ format: 'esm', minify: true })
    if (output.length !== 1) throw new Error(`Cannot bundle the console: "${entry}" came out in ${output.length} parts`)
    return output[0].code
  } finally {
    await made.close()
  }
}
