// Joins a room, waits for the agent, and lets a person write and speak with it.

const PATIENCE = 10_000; // milliseconds until the page says what to do about an agent that is not there

const STATUS = {
  apart: 'Join a room, and the agent joins you.',
  connecting: 'Connecting …',
  waiting: 'You are in the room. Waiting for the agent …',
  here: 'The agent is here.',
};
// Why a room is over, where LiveKit says it.
const ENDED = {
  ROOM_DELETED: 'The room was closed.',
  PARTICIPANT_REMOVED: 'You were taken out of the room.',
  DUPLICATE_IDENTITY: 'Somebody has joined in your place.',
};
const LOST = 'The connection is lost.';
// What the agent says of itself (its attribute lk.agent.state).
const DOING = {
  initializing: 'The agent is here and gets ready.',
  listening: 'The agent is here and listens.',
  thinking: 'The agent thinks …',
  speaking: 'The agent speaks.',
};

const element = (id) => document.getElementById(id);
const join = element('join');
const chat = element('chat');
const microphone = element('microphone');

join.elements.room.value = new URLSearchParams(location.search).get('room') ?? '';

let room; // while this person is in one
let impatience; // the timer of PATIENCE
let lines; // the messages in the log, by the id of what is said

join.addEventListener('submit', async (event) => {
  event.preventDefault();
  say('');
  show('connecting');
  try {
    await enter(new FormData(join));
  } catch (error) {
    say(error.message);
    leave();
  }
});

chat.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = chat.elements.text.value.trim();
  if (!text) return;
  try {
    const { id } = await room.localParticipant.sendText(text, { topic: 'lk.chat' });
    write(id, room.localParticipant.identity, text);
    chat.reset();
  } catch (error) {
    say(`Your message was not sent: ${error.message}`);
  }
});

microphone.addEventListener('click', async () => {
  say('');
  if (!navigator.mediaDevices) {
    say('The browser gives a microphone only to pages on https:// or on localhost.');
    return;
  }
  try {
    await room.localParticipant.setMicrophoneEnabled(!room.localParticipant.isMicrophoneEnabled);
  } catch (error) {
    say(`The microphone stays off: ${error.message}`);
  }
});

element('leave').addEventListener('click', leave);

element('copy').hidden = !navigator.clipboard; // as in pages that are not on https:// or localhost
element('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(element('command').textContent);
  element('copy').textContent = 'Copied';
});

async function enter(wishes) {
  if (!window.LivekitClient) {
    throw new Error('livekit-client could not be loaded from cdn.jsdelivr.net: is it blocked here?');
  }
  const { server_url, participant_token } = await token(wishes);
  const { Room, RoomEvent, Track } = LivekitClient;
  room = new Room();
  lines = new Map();
  element('log').replaceChildren();
  element('no-agent-title').textContent = 'No agent has come';
  const watched = new Map(); // what stops the watching, by track
  room
    .on(RoomEvent.ParticipantConnected, lookAround)
    .on(RoomEvent.ParticipantDisconnected, lookAround)
    .on(RoomEvent.ParticipantAttributesChanged, lookAround)
    .on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== Track.Kind.Audio) return;
      document.body.append(track.attach());
      watched.set(track, watch(track, showVoice));
    })
    .on(RoomEvent.TrackUnsubscribed, (track) => {
      track.detach().forEach((sound) => sound.remove());
      watched.get(track)?.();
    })
    .on(RoomEvent.LocalTrackPublished, ({ track }) => {
      watched.set(track, watch(track, showLevel));
      showMicrophone();
    })
    .on(RoomEvent.LocalTrackUnpublished, ({ track }) => watched.get(track)())
    .on(RoomEvent.TrackMuted, showMicrophone)
    .on(RoomEvent.TrackUnmuted, showMicrophone)
    .on(RoomEvent.SignalReconnecting, lose)
    .on(RoomEvent.Reconnecting, lose)
    .on(RoomEvent.Reconnected, lookAround)
    .on(RoomEvent.Disconnected, ended);
  // What is written or said comes piece by piece; a later stream of the same segment replaces it.
  const read = async (reader, { identity }) => {
    const segment = reader.info.attributes?.['lk.segment_id'] ?? reader.info.id;
    let text = '';
    for await (const piece of reader) {
      text += piece;
      if (room) write(segment, identity, text);
    }
  };
  room.registerTextStreamHandler('lk.transcription', read);
  room.registerTextStreamHandler('lk.chat', read);
  try {
    await room.connect(server_url, participant_token);
  } catch (error) {
    throw new Error(`LiveKit cannot be reached: ${error.message}`);
  }
  room.startAudio().catch(() => say('The browser blocks the sound of this page: allow it there.'));
  element('command').textContent = `uv run python -m app.doctor --room=${quoted(room.name)}`;
  lookAround();
}

/** Asks the token backend for a token; throws what it says if there is none. */
async function token(wishes) {
  const key = String.fromCharCode(...new TextEncoder().encode(wishes.get('key'))); // as bytes
  const answer = await fetch('token', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ room_name: wishes.get('room'), participant_name: wishes.get('name') }),
  }).catch(() => {
    throw new Error('The token backend does not answer.');
  });
  if (answer.ok) return answer.json();
  if (answer.status === 401) {
    element('key').hidden = false;
    throw new Error(key ? 'That key is not accepted.' : 'Enter the access key, or your sign-in token.');
  }
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? `The token backend answers with HTTP status ${answer.status}.`);
}

/** Shows whether the agent is there, and what it does. */
function lookAround() {
  if (!room) return; // this person leaves
  const others = [...room.remoteParticipants.values()];
  // An avatar joins as an agent, too: it lends the agent a face.
  const agent = others.find((p) => p.isAgent && !p.attributes['lk.publish_on_behalf']);
  if (agent) element('no-agent-title').textContent = 'The agent has gone';
  show(agent ? 'here' : 'waiting', DOING[agent?.attributes['lk.agent.state']]);
}

function show(state, words = STATUS[state]) {
  if (element('status').textContent !== words) element('status').textContent = words;
  if (document.body.dataset.state === state) return;
  document.body.dataset.state = state;
  join.hidden = state !== 'apart';
  element('call').hidden = state === 'apart' || state === 'connecting';
  chat.hidden = state !== 'here';
  if (!document.activeElement.checkVisibility() || document.activeElement === document.body) {
    // What was in use is gone: go on where a person would.
    ({ here: chat.elements.text, apart: join.elements.join })[state]?.focus();
  }
  element('no-agent').hidden = true;
  clearTimeout(impatience);
  if (state === 'waiting') {
    impatience = setTimeout(() => (element('no-agent').hidden = false), PATIENCE);
  }
}

function say(problem) {
  element('problem').textContent = problem;
  element('problem').hidden = !problem;
}

/** Shows what somebody says, or more of it: `id` is that of what is said. */
function write(id, identity, text) {
  const log = element('log');
  if (!lines.has(id)) {
    const mine = identity === room.localParticipant.identity;
    const speaker = room.getParticipantByIdentity(identity);
    const line = document.createElement('li');
    line.className = mine ? 'mine' : '';
    const name = document.createElement('b');
    // Who speaks before LiveKit has told who it is, is the agent that greets.
    name.textContent = mine ? 'You' : (speaker?.isAgent ?? true) ? 'Agent' : speaker.name || 'Guest';
    const words = document.createElement('p');
    line.append(name, words);
    lines.set(id, words);
    log.append(line);
  }
  lines.get(id).textContent = text;
  log.scrollTop = log.scrollHeight;
}

function showMicrophone() {
  microphone.setAttribute('aria-pressed', room?.localParticipant.isMicrophoneEnabled ?? false);
}

function showLevel(volume) {
  element('level').value = room?.localParticipant.isMicrophoneEnabled ? volume : 0;
}

function showVoice(volume) {
  element('agent').style.setProperty('--level', volume);
}

/** Calls `show` with the volume of `track`, 0 to 1, until the function that it gives is called. */
function watch(track, show) {
  const { calculateVolume, cleanup } = LivekitClient.createAudioAnalyser(track);
  let frame;
  const draw = () => {
    show(calculateVolume());
    frame = requestAnimationFrame(draw);
  };
  draw();
  return () => {
    cancelAnimationFrame(frame);
    show(0);
    cleanup();
  };
}

/** `text` as one word of a shell. Control characters go: a terminal may take them for keys. */
function quoted(text) {
  return `'${text.replaceAll(/\p{Cc}/gu, '').replaceAll("'", `'\\''`)}'`;
}

function leave() {
  const left = room;
  room = undefined;
  left?.disconnect();
  document.querySelectorAll('audio').forEach((sound) => sound.remove());
  showMicrophone();
  show('apart');
}

function lose() {
  show(document.body.dataset.state, `${LOST} Connecting again …`);
}

function ended(reason) {
  if (!room) return; // this person left
  say(ENDED[LivekitClient.DisconnectReason[reason]] ?? LOST);
  leave();
}
