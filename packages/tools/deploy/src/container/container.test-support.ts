import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPodman } from '@dure/testing/podman'
import { freePort } from '@dure/testing/servers'
import { buildImage, exportImage } from '../image/image.ts'
import { rigAt } from '../releases.test-support.ts'
import type { TargetRig } from '../target/target.conformance.ts'
import { container } from './container.ts'

/** What the program of the suite is, in an image that has nothing but Node. */
const PROGRAM = `
import { createServer } from 'node:http'
import { hostname } from 'node:os'
const version = process.argv[2]
if (version.startsWith('crash')) throw new Error('It crashes')
const { GREETING, PASSWORD } = process.env
const server = createServer((request, response) => {
  const answer = (status, value) => response.writeHead(status).end(JSON.stringify(value))
  if (request.url === '/health/ready') return answer(version.startsWith('never') ? 503 : 200, {})
  if (version.startsWith('fails')) return answer(500, {})
  answer(200, { version, copy: hostname(), environment: { GREETING, PASSWORD } })
}).listen(Number(process.env.PORT), '0.0.0.0')
process.once('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})
`

/** podman with a store of its own that has the image. */
export async function openEngine(folder: string) {
  const project = join(folder, 'project')
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "name": "copy", "version": "1.0.0", "type": "module" }')
  writeFileSync(join(project, 'package-lock.json'), '{ "lockfileVersion": 3, "packages": { "": { "name": "copy" } } }')
  writeFileSync(join(project, 'main.js'), PROGRAM)
  const layout = join(folder, 'layout')
  await buildImage({ folder: project, layout, tag: 'copy', program: ['main.js'] })
  await exportImage(layout, join(folder, 'copy.tar'), { tag: 'copy' })
  const { podman, words, env, close } = openPodman(join(folder, 'podman'))
  const loaded = await podman('load', '--input', join(folder, 'copy.tar'))
  const image = loaded.split(' ').at(-1)!
  return { image, words, env, close }
}

/** Containers of a machine with nothing on it. */
export async function openContainers(
  directory: string,
  engine: Awaited<ReturnType<typeof openEngine>>,
): Promise<TargetRig & { readonly url: string }> {
  const port = await freePort()
  const [command = 'podman', ...words] = engine.words
  const open = () =>
    container({
      ...{
        directory,
        port,
        readiness: 30_000,
        shutdownTimeout: 5_000,
        memory: 96,
        engine: [command, ...words],
        environment: engine.env,
      },
      image: () => engine.image,
      words: ({ version }) => [version],
    })
  return rigAt(port, open)
}
