/** Works on all, on `limit` at once, in order. After the first failure, which it ends with, nothing more is begun. */
export async function forEachLimited<T>(all: readonly T[], limit: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  let failed = false
  const workOn = async (): Promise<void> => {
    for (const one of left) if (!failed) await work(one)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(limit, all.length) }, workOn))
  } catch (error) {
    failed = true
    throw error
  }
}
