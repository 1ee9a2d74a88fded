/**
 * `npm run peers -- component`: three services of the marketplace, each built as an image, loaded into podman, and held to the tests that they pass in this
 * process: on embedded parts, and on PostgreSQL with NATS and Redis. A line for each.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openPodman } from '@dure/testing/podman'
import { buildImage, exportImage } from './deploy.ts'

const marketplace = join(import.meta.dirname, '../../../../examples/marketplace')
const folder = mkdtempSync(join(tmpdir(), 'dure-components-'))
const { podman, words, env, close } = openPodman(join(folder, 'podman'))
const layout = join(folder, 'layout')
try {
  for (const service of ['order', 'stock', 'payment']) {
    const { digest } = await buildImage({ folder: marketplace, layout, tag: service, command: ['start', 'system.ts', service] })
    const file = join(folder, `${service}.tar`)
    await exportImage(layout, file, { tag: service })
    await podman('load', '--quiet', '--input', file)
    rmSync(file)
    console.log(`✔ the image of ${service} is loaded: ${digest}`)
  }
  const child = spawn(
    process.execPath,
    ['--conditions=dure-source', '--test', '--test-reporter=spec', join(marketplace, 'components.long.test.ts')],
    {
      env: { ...process.env, ...env, COMPONENT_IMAGE: 'localhost/dure/example-marketplace', COMPONENT_ENGINE: words.join(' ') },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  for await (const line of createInterface(child.stdout)) if (/^\s*[✔✖﹣]|Error/.test(line)) console.log(line.trimEnd())
  if (child.exitCode === null) await once(child, 'exit')
  process.exitCode = child.exitCode ?? 1
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}
