#!/bin/sh
# Makes the shipped demonstrations: PPO on each task's own reward, then eight recorded episodes.
#
#     OMP_NUM_THREADS=1 sh plugins/ganzoo-gail/make_experts.sh FOLDER [TASK...]
#
# About fifteen minutes of one core for all five, most of it Hopper's and MountainCar's.
set -eu
out=$1
shift
mkdir -p "$out"
for task in ${*:-cartpole acrobot mountain-car pendulum hopper}; do
    # The policies' settings are those of RL Baselines3 Zoo, where it has some.
    case $task in
    cartpole)
        set -- CartPole-v1 --rounds 80 --set rollout.steps=64 --set rollout.gamma=0.98 \
            --set rollout.gae_lambda=0.8 --set rollout.epochs=10 --set rollout.minibatches=2
        ;;
    acrobot)
        set -- Acrobot-v1 --rounds 200 --set rollout.envs=16 --set rollout.gae_lambda=0.94 \
            --set rollout.epochs=10 --set rollout.minibatches=8 --set imitator.running=true
        ;;
    mountain-car)
        set -- MountainCar-v0 --rounds 1200 --set rollout.envs=16 --set rollout.steps=64 \
            --set rollout.gae_lambda=0.98 --set rollout.epochs=4 --set imitator.running=true \
            --set entropy-bonus.weight=0
        ;;
    pendulum)
        set -- Pendulum-v1 --rounds 250 --set rollout.minibatches=16 --set rollout.gamma=0.9 \
            --set rollout.epochs=10 --set imitator.running=true --set entropy-bonus.weight=0
        ;;
    hopper)
        set -- Hopper-v5 --rounds 600 --set rollout.steps=256 --set rollout.minibatches=32 \
            --set rollout.epochs=10 --set imitator.running=true --set entropy-bonus.weight=0 \
            --set optimizers.generator.lr=linear:3e-4:0
        ;;
    *)
        echo "there is no expert for '$task'" >&2
        exit 1
        ;;
    esac
    env=$1
    shift
    ganzoo train ppo --data "environment:$env" --out "$out/$task" "$@"
    ganzoo record "$out/$task" --out "$out/$task-task.safetensors"
    case $task in
    cartpole | acrobot | mountain-car)
        ganzoo record "$out/$task" --horizon fixed --out "$out/$task-fixed.safetensors"
        ;;
    esac
done
