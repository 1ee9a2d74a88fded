import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildImage, container, describeRelease, exportImage, type Target } from '@dure/deploy'
import { openPodman, podmanMissing } from '@dure/testing/podman'
import { freePort } from '@dure/testing/servers'
import type { BenchContext } from '../bench.ts'
import shop from './shop.system.ts'

const ROUNDS = 7

/** Milliseconds from when a release is applied until its first container is ready; none where podman cannot run any. */
export async function containerStarts(folder: string, progress: BenchContext['progress']): Promise<readonly number[]> {
  if (podmanMissing !== false) return []
  progress('An image for containers')
  mkdirSync(folder)
  const layout = join(folder, 'layout')
  const { digest } = await buildImage({ folder: join(import.meta.dirname, '../../examples/first-service'), layout, tag: 'first' })
  await exportImage(layout, join(folder, 'first.tar'), { tag: 'first' })
  const { podman, words, env, close } = openPodman(join(folder, 'podman'))
  const loaded = await podman('load', '--quiet', '--input', join(folder, 'first.tar'))
  rmSync(join(folder, 'first.tar'))
  const [command = 'podman', ...rest] = words
  const target = container({
    ...{ directory: join(folder, 'target'), port: await freePort(), engine: [command, ...rest], environment: env },
    image: () => loaded.split(' ').at(-1)!,
  })
  try {
    const all: number[] = []
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`Container ${round} of ${ROUNDS}`)
      // The same image each time: what a release is called is all that differs.
      const release = describeRelease(shop, { version: `1.${round}.0`, image: { digest } })
      const began = performance.now()
      await target.apply({ release, copies: 1 })
      await ready(target, release.digest)
      all.push(performance.now() - began)
      await target.scale(release.digest, 0)
    }
    return all
  } finally {
    await target.stop()
    await close()
  }
}

async function ready(target: Target, release: string): Promise<void> {
  for (;;) {
    const { copies } = await target.health(release)
    if (copies.some(({ state }) => state === 'ready')) return
    const ended = copies.find(({ state }) => state === 'ended')
    if (ended !== undefined) throw new Error(`Cannot measure how a container starts: it has ended: ${ended.reason}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
