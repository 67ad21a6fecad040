/** What the samples send. Their masked digits are replaced by digits, so that what is the same number there is the same here. */

const rest = { usage: 'twoway', deallocation_policy: { duration: '1200s' } }

/** The numbers of the samples that mask nothing. */
const FIRST = {
  a: { vns: ['6292134471', '6292134464'], numbers: ['7987686144'], pin: '123' },
  b: { vns: ['6292134465', '6292134464'], numbers: ['9956555625'], pin: '234', pin_length: '3' },
}
/** Both allocations of a bulk have the same PINs, so their virtual numbers must be others behind the mask. */
const SECOND = {
  a: { vns: ['6299000071', '6299000064'], numbers: ['7990000044'], pin: '123' },
  b: { vns: ['6299000065', '6299000064'], numbers: ['9990000625'], pin: '234', pin_length: '3' },
}

function parties({ a, b }: typeof FIRST, length: number) {
  return { a: { ...a, pin_length: length }, b, ...rest }
}

export const createBody = (transaction_id: string) => ({ transaction_id, ...parties(FIRST, 2) })

export const updateBody = () => parties(FIRST, 3)

/** `more` is what the Node sample alone has in its second item. */
export function bulkBody([one, two]: [string, string], more: { transaction_id?: string } = {}) {
  const items = [
    { greenpin_id: one, ...parties(FIRST, 3) },
    { ...more, greenpin_id: two, ...parties(SECOND, 3) },
  ]
  return { greenpins: items }
}

/** The virtual numbers that an account needs besides those of the create sample. */
export const MORE_VNS = ['+916299000071', '+916299000064', '+916299000065']
