import rhea from 'rhea'
import { decodeJson } from './messages.ts'
import type { Line } from './line.ts'

/** Values that stay in a queue to be read by everybody: nobody takes them but who has written newer ones. */

/** Values in a queue, at most. */
const MOST = 1_000

/** What is in a queue, in order; it stays there. What is no value of ours is left out. */
export async function look<Value>(line: Line, source: rhea.Source): Promise<readonly Value[]> {
  const wire = await line.wire()
  const found: Value[] = []
  const arrived = ({ bytes, accept }: { readonly bytes: Buffer; readonly accept: () => void }): void => {
    accept()
    try {
      found.push(decodeJson<Value>(bytes))
    } catch {
      // Somebody else has put it there.
    }
  }
  const inlet = await wire.inlet({ source: { ...source, distribution_mode: 'copy' }, arrived })
  await inlet.drain(MOST)
  await inlet.close()
  return found
}

/**
 * Throws away what is in a queue, as far as a selector (of JMS) says.
 * @param may asked before messages that have come are thrown away: false leaves them
 * @returns how many that were
 */
export async function throwAway(
  line: Line,
  source: rhea.Source,
  { selector, may = async () => true }: { readonly selector?: string; readonly may?: () => Promise<boolean> } = {},
): Promise<number> {
  const wire = await line.wire()
  let came: (() => void)[] = []
  let count = 0
  const filter = selector === undefined ? {} : { filter: rhea.filter.selector(selector) as never }
  const inlet = await wire.inlet({ source: { ...source, ...filter }, arrived: ({ accept }) => void came.push(accept) })
  do {
    came = []
    await inlet.drain(MOST)
    if (!(await may())) break
    for (const accept of came) accept()
    count += came.length
  } while (came.length > 0)
  await inlet.close()
  return count
}
