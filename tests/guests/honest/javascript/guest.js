// An honest guest in JavaScript: reads and writes a file, and looks at the clock, at random numbers and at a folder.
// The language has no files of its own: they are WASI's, from the granted folders on.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.10';

const READ = { read: true };
const WRITE = { write: true };

/** Opens a path such as `/in/a.md`: the granted folder that it is in, and the rest from there. */
function open(path, how, flags) {
  for (const [folder, name] of getDirectories()) {
    if (path.startsWith(`${name}/`)) {
      return folder.openAt({ symlinkFollow: true }, path.slice(name.length + 1), how, flags);
    }
  }
  throw 'no-entry';
}

function text(path) {
  const file = open(path, {}, READ);
  const decoder = new TextDecoder();
  let text = '';
  for (let at = 0n, atEnd = false; !atEnd; ) {
    let bytes;
    [bytes, atEnd] = file.read(65_536n, at);
    at += BigInt(bytes.length);
    text += decoder.decode(bytes, { stream: !atEnd });
  }
  return text;
}

/** An error of WASI's comes in an object, as its `payload`. */
function nameOf(error) {
  return String(error?.payload ?? error);
}

export function load(path) {
  try {
    return { path, lines: text(path).trimEnd().split('\n') };
  } catch (error) {
    throw nameOf(error);
  }
}

export function save({ path, lines }) {
  try {
    const file = open(path, { create: true, truncate: true }, WRITE);
    const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
    let at = 0;
    while (at < bytes.length) at += Number(file.write(bytes.subarray(at), BigInt(at)));
    return BigInt(bytes.length);
  } catch (error) {
    throw nameOf(error);
  }
}

export async function lookAround() {
  const before = Date.now();
  await new Promise((wake) => setTimeout(wake, 3_600_000));
  return {
    year: new Date().getUTCFullYear(),
    slept: Math.floor((Date.now() - before) / 1000),
    random: crypto.getRandomValues(new Uint8Array(16)),
    names: names('/in/names'),
    refused: [
      ['a file that is not there', refused(() => open('/in/missing', {}, READ))],
      ['a path that leads out', refused(() => open('/in/../secret', {}, READ))],
      ['writing where reading is granted', refused(() => open('/in/a.md', {}, WRITE))],
      ['a name with a dot', refused(() => open('/out/.hidden', { create: true }, WRITE))],
    ],
  };
}

function names(path) {
  const listing = open(path, { directory: true }, READ).readDirectory();
  const found = [];
  for (let entry = listing.readDirectoryEntry(); entry; entry = listing.readDirectoryEntry()) found.push(entry.name);
  return found;
}

function refused(attempt) {
  try {
    attempt();
    return 'allowed';
  } catch (error) {
    return nameOf(error);
  }
}
