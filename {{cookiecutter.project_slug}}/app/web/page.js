// Joins a room, waits for the agent, and lets a person write and speak with it.

const PATIENCE = 10_000; // milliseconds until the page says what to do about an agent that is not there

const STATUS = {
  apart: 'Join a room, and the agent joins you.',
  connecting: 'Connecting …',
  waiting: 'You are in the room. Waiting for the agent …',
  here: 'The agent is here.',
};
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
  chat.reset();
  write(crypto.randomUUID(), text, true);
  try {
    await room.localParticipant.sendText(text, { topic: 'lk.chat' });
  } catch (error) {
    say(`Your message was not sent: ${error.message}`);
  }
});

microphone.addEventListener('click', async () => {
  say('');
  try {
    await room.localParticipant.setMicrophoneEnabled(!room.localParticipant.isMicrophoneEnabled);
  } catch (error) {
    say(`The microphone stays off: ${error.message}`);
  }
});

element('leave').addEventListener('click', leave);

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
    .on(RoomEvent.LocalTrackPublished, ({ track }) => watched.set(track, watch(track, showLevel)))
    .on(RoomEvent.LocalTrackUnpublished, ({ track }) => watched.get(track)())
    .on(RoomEvent.LocalTrackPublished, showMicrophone)
    .on(RoomEvent.TrackMuted, showMicrophone)
    .on(RoomEvent.TrackUnmuted, showMicrophone)
    .on(RoomEvent.Reconnecting, () => say('The connection is lost. Connecting again …'))
    .on(RoomEvent.Reconnected, () => say(''))
    .on(RoomEvent.Disconnected, ended);
  // What is said comes as text, piece by piece; a later stream of the same segment replaces it.
  room.registerTextStreamHandler('lk.transcription', async (reader, { identity }) => {
    const segment = reader.info.attributes?.['lk.segment_id'] ?? reader.info.id;
    let text = '';
    for await (const piece of reader) {
      text += piece;
      write(segment, text, identity === room?.localParticipant.identity);
    }
  });
  await room.connect(server_url, participant_token);
  room.startAudio().catch(() => say('The browser blocks the sound of this page: allow it there.'));
  element('command').textContent = `uv run python -m app.doctor --room=${quoted(room.name)}`;
  lookAround();
}

/** Asks the token backend for a token; throws what it says if there is none. */
async function token(wishes) {
  const key = wishes.get('key');
  const answer = await fetch('token', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ room_name: wishes.get('room'), participant_name: wishes.get('name') }),
  });
  if (answer.ok) return answer.json();
  if (answer.status === 401) element('key').hidden = false;
  throw new Error((await answer.json()).detail);
}

/** Shows whether the agent is there, and what it does. */
function lookAround() {
  if (!room) return; // this person leaves
  const others = [...room.remoteParticipants.values()];
  // An avatar joins as an agent, too: it lends the agent a face.
  const agent = others.find((p) => p.isAgent && !p.attributes['lk.publish_on_behalf']);
  show(agent ? 'here' : 'waiting', DOING[agent?.attributes['lk.agent.state']]);
}

function show(state, words = STATUS[state]) {
  if (element('status').textContent !== words) element('status').textContent = words;
  if (document.body.dataset.state === state) return;
  document.body.dataset.state = state;
  join.hidden = state !== 'apart';
  element('call').hidden = state === 'apart' || state === 'connecting';
  chat.hidden = state !== 'here';
  if (document.activeElement === document.body) chat.elements.text.focus();
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

function write(id, text, mine) {
  const log = element('log');
  if (!lines.has(id)) {
    const line = document.createElement('li');
    line.className = mine ? 'mine' : '';
    lines.set(id, line);
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
  showMicrophone();
  show('apart');
}

function ended(reason) {
  if (!room) return; // this person left
  say(`The room has ended (${LivekitClient.DisconnectReason[reason] ?? 'no reason given'}).`);
  leave();
}
